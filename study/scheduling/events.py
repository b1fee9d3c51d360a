"""What a run tells whoever watches it: a live view, a log, a test."""

from typing import Any, Protocol

from fitscape.study.records import EpochRecord, TrialRecord


class Observer(Protocol):
    """Called from threads of the driver, outside Tune's loop; what it raises is dropped."""

    def on_start(self, total: int, done: int) -> None:
        """``total`` trials are wanted, ``done`` of them have ended in earlier runs."""

    def on_data(self, summary: dict[str, Any]) -> None:
        """What the study runs on: `study.data.SealedData.summary`, with the files that cannot be read."""

    def on_trial_start(self, record: TrialRecord) -> None: ...

    def on_epoch(self, trial_id: str, record: EpochRecord) -> None: ...

    def on_trial_end(self, record: TrialRecord) -> None: ...

    def on_backlog(self, points: int) -> None:
        """What MLflow has not got yet."""

    def on_message(self, text: str) -> None:
        """One sentence for a person: a retry, a corrupt checkpoint, what trials wait for, an interruption."""

    def on_finish(self, summary: Any) -> None:
        """``summary`` is JSON: counts by state, seconds, folder, report, backlog, interrupted."""


class Quiet:
    """Says nothing."""

    def on_start(self, total: int, done: int) -> None:
        pass

    def on_data(self, summary: dict[str, Any]) -> None:
        pass

    def on_trial_start(self, record: TrialRecord) -> None:
        pass

    def on_epoch(self, trial_id: str, record: EpochRecord) -> None:
        pass

    def on_trial_end(self, record: TrialRecord) -> None:
        pass

    def on_backlog(self, points: int) -> None:
        pass

    def on_message(self, text: str) -> None:
        pass

    def on_finish(self, summary: Any) -> None:
        pass
