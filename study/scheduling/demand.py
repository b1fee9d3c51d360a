"""What shows an autoscaler that more machines would be used: empty placement groups of the shape of a trial."""

from typing import Any

from fitscape.study.scheduling.packing import Request

MOST = 64  # groups that wait at once; as machines come, others take their place


class Demand:
    """Placement groups that wait for room. One that gets it makes room at once, for a trial.

    Trials are not drawn to show demand: a sampler that learns must see results before it draws. Called from Tune's
    loop.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._waiting: list[Any] = []

    def show(self, count: int, selector: dict[str, str]) -> None:
        """Let ``count`` groups wait, of the machines that ``selector`` allows."""
        from ray.util.placement_group import placement_group, placement_group_table, remove_placement_group

        for group in list(self._waiting):
            if len(self._waiting) > count or placement_group_table(group)["state"] != "PENDING":
                self._waiting.remove(group)
                remove_placement_group(group)
        labels = [selector] if selector else None
        while len(self._waiting) < min(count, MOST):
            self._waiting.append(placement_group([self._request.bundle()], bundle_label_selector=labels))

    def close(self) -> None:
        """Ask for nothing more."""
        self.show(0, {})
