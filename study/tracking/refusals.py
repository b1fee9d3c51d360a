"""Trials that MLflow refuses as invalid: remembered in the ledger, so that they hold up no others and are reported."""

import threading

from fitscape.study.ledger import Ledger


class Refusals:
    """Of one study, in one place that it is sent to."""

    def __init__(self, ledger: Ledger, sink: str) -> None:
        self._ledger, self._key = ledger, f"{sink} rejected"
        self._guard = threading.Lock()

    @property
    def reasons(self) -> dict[str, str]:
        """By trial."""
        found: dict[str, str] = self._ledger.get_meta(self._key, {})
        return found

    def note(self, trial_id: str, reason: str | None) -> None:
        """Why a trial was refused; None: it was taken."""
        with self._guard:
            reasons = self.reasons
            if reason != reasons.get(trial_id):
                others = {key: value for key, value in reasons.items() if key != trial_id}
                self._ledger.set_meta(self._key, others | ({trial_id: reason} if reason else {}))
