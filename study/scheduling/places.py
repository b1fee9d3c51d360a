"""How many trials fit on the cluster, and how many are handed out."""

import time

from fitscape.study.scheduling.cluster import Cluster, Request
from fitscape.study.scheduling.interruption import Interruption

RESOURCES_BACK_WITHIN = 300.0  # seconds that a run waits for a node that can run its trials


class Places:
    """Counted anew as nodes come and go.

    Args:
        cluster: entered.
        request: what one trial takes.
        limit: most trials at once, ``resources.max_concurrent``.
    """

    def __init__(self, cluster: Cluster, request: Request, limit: int | None) -> None:
        self.request = request
        self._cluster, self._limit = cluster, limit
        self._lacking_since: float | None = None
        self._fit = cluster.slots(request)

    @property
    def slots(self) -> int:
        """Trials that run at once."""
        return max(1, self._fit if self._limit is None else min(self._fit, self._limit))

    def room(self) -> int:
        """Trials that may be handed out: those that run, and some that wait.

        A waiting trial takes the next free slot without a pause. On a cluster as many wait as run, so that an
        autoscaler sees the demand.
        """
        if self._limit is not None and self._fit >= self._limit:
            return self._limit
        ahead = max(1, self._fit // 8) if self._cluster.local else max(2, self._fit)
        return min(self.slots + ahead, self._limit or 1_000_000)

    def look(self, running: int, interruption: Interruption) -> str:
        """Count again; a sentence when trials begin to lack a node, the end of the run when they lack it for long."""
        self._fit = self._cluster.slots(self.request)
        if running or self._fit:
            self._lacking_since = None
            return ""
        if self._lacking_since is None:
            self._lacking_since = time.monotonic()
            return f"waiting for a node that has {self.request}, for {RESOURCES_BACK_WITHIN:g} s at most"
        if time.monotonic() - self._lacking_since > RESOURCES_BACK_WITHIN:
            interruption.request(f"no node that can run a trial came back: it takes {self.request}")
        return ""
