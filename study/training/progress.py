"""What a trial gives after each epoch, whoever trains it."""

from collections.abc import Callable
from dataclasses import dataclass

from fitscape.study.records import EpochRecord, LatePair, ModelSize, Predictions


@dataclass(frozen=True)
class Progress:
    """What ``run_trial`` yields after each epoch."""

    record: EpochRecord
    checkpoint: Callable[[], bytes]  # of the end of this epoch; call it before asking for the next one
    diverged: bool  # a loss or a weight is NaN or infinite; no epoch follows
    late: LatePair | None  # at the last epoch, unless diverged
    size: ModelSize | None
    halved: bool = False  # a batch did not fit the device: batch norm has seen half of each, from the first step on
    why_eager: str = ""  # why steps on a card are not captured, where they could be
    predictions: Predictions | None = None  # at the last epoch, or where the trial diverged
    resumable: bool = True  # whether there is a checkpoint: not every loop of the user's own gives one
    notices: tuple[str, ...] = ()  # for the user
