"""What happens in a run, for whoever watches it: a live view, a log, a test."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from fitscape.study.records import EpochRecord, TrialRecord, TrialState


@dataclass(frozen=True)
class Started:
    """``total`` trials are wanted; ``done`` of them ended in earlier runs."""

    name: ClassVar = "start"
    total: int
    done: int


@dataclass(frozen=True)
class DataRead:
    """What the study runs on: `study.data.SealedData.summary`, with the files that cannot be read."""

    name: ClassVar = "data"
    summary: dict[str, Any]


@dataclass(frozen=True)
class TrialStarted:
    name: ClassVar = "trial_start"
    trial: TrialRecord


@dataclass(frozen=True)
class EpochEnded:
    name: ClassVar = "epoch"
    trial_id: str
    record: EpochRecord


@dataclass(frozen=True)
class TrialEnded:
    name: ClassVar = "trial_end"
    trial: TrialRecord


@dataclass(frozen=True)
class MlflowBehind:
    """How many points MLflow has not got yet."""

    name: ClassVar = "backlog"
    points: int


@dataclass(frozen=True)
class Expected:
    """How long the trials that are left will take, as far as those that were timed tell."""

    name: ClassVar = "expected"
    seconds: float


@dataclass(frozen=True)
class Message:
    """One sentence for a person: a retry, a corrupt checkpoint, what trials wait for, an interruption."""

    name: ClassVar = "message"
    text: str


@dataclass(frozen=True)
class Finished:
    """``summary`` is JSON: counts by state, seconds, folder, report, backlog, interrupted."""

    name: ClassVar = "finish"
    summary: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended. ``interrupted`` says why it ended early; empty where everything was run."""

    counts: dict[TrialState, int]
    interrupted: str
    seconds: float

    @property
    def ended(self) -> int:
        """Trials that are over."""
        return sum(count for state, count in self.counts.items() if state.terminal)


Event = Started | DataRead | TrialStarted | EpochEnded | TrialEnded | MlflowBehind | Expected | Message | Finished

# Called from one thread that nothing else waits for (study/scheduling/aside.py); what it raises is dropped.
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """An observer that says nothing."""
