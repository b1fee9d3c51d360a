"""What a trial's process reports to the driver. Travels inside Tune's result, under the key ``report``."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fitscape.study.records import EpochRecord, LatePair, ModelSize, Predictions, TrialState
from fitscape.study.scheduling.heartbeat import Address

EVERY = 2.0  # seconds of epochs that a report carries, at least
MOST = 50.0  # reports a second, of all trials together: the more trials run, the longer takes each turn of Tune's loop
CRASHES = "crashes"  # of Tune's config of a trial: the signals that ended its processes, one for each crash


@dataclass(frozen=True, kw_only=True)
class Start:
    """A process has taken up a trial."""

    node: str
    device: str
    records: tuple[EpochRecord, ...]  # up to the epoch it continues from, perhaps never written; none: from scratch
    node_id: str  # Ray's
    pulse: Address  # of the process
    card: str = ""  # UUID of its card
    crash_log: str = ""  # where the process writes what it died of, on its node
    afresh: bool = False  # what earlier attempts measured is void: they had another memory layout

    @property
    def epoch(self) -> int:
        """The epoch of the checkpoint it continues from; 0 is from scratch."""
        return self.records[-1].epoch if self.records else 0


@dataclass(frozen=True, kw_only=True)
class End:
    """A trial is over."""

    state: TrialState
    message: str = ""
    late: LatePair | None = None
    predictions: Predictions | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)  # JSON for TrialRecord.extra


@dataclass(frozen=True, kw_only=True)
class WorkerReport:
    """What happened to a trial since its last report; parts that did not happen are empty."""

    start: Start | None = None
    records: tuple[EpochRecord, ...] = ()  # of the epochs that have ended, in order
    size: ModelSize | None = None
    saved: int | None = None  # the epoch of a checkpoint that was just written
    end: End | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)  # JSON for TrialRecord.extra
    notices: tuple[str, ...] = ()  # for the user: a corrupt checkpoint, one that could not be written
    once: tuple[str, ...] = ()  # for the user too, however many trials say the same
    cannot_go_on: str = ""  # why the trial stays pending, and the study is to be interrupted: its storage is lost

    def __repr__(self) -> str:
        """Short: Tune puts each result into a line for its log twice, whether that is kept or not."""
        return f"WorkerReport of {len(self.records)} epochs"

    @property
    def last(self) -> bool:
        """Whether the process has nothing more to do for this trial."""
        return self.end is not None or bool(self.cannot_go_on)

    @property
    def waits(self) -> bool:
        """Whether it need not be sent at once: it says nothing of a start, a checkpoint or an end."""
        return self.start is None and self.saved is None and not self.last

    def followed_by(self, later: "WorkerReport") -> "WorkerReport":
        """Both in one; this one waits."""
        return replace(
            later,
            records=(*self.records, *later.records),
            size=later.size or self.size,
            extra={**self.extra, **later.extra},
            notices=(*self.notices, *later.notices),
            once=tuple(dict.fromkeys((*self.once, *later.once))),
        )


def report_every(slots: int = 1) -> float:
    """Seconds of epochs that a report carries, at least, where so many trials run at once."""
    return max(EVERY, slots / MOST)


def failure(error: BaseException) -> End:
    """An exception of a trial as its end; one that ran out of memory starts with ``oom``."""
    name, text = type(error).__name__, first_line(error)
    if "OutOfMemory" in name or isinstance(error, MemoryError):
        message = text if text.startswith("oom") else f"oom: {text}"
    else:
        message = f"{name}: {text}" if text else name
    trace = "".join(traceback.format_exception(error))
    return End(state=TrialState.FAILED, message=message[:1000], extra={"traceback": trace[-8000:]})


def first_line(error: BaseException) -> str:
    """Of its text; torch and Ray write pages."""
    return str(error).strip().split("\n")[0]
