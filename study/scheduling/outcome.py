"""What a run of trials came to."""

from dataclasses import dataclass

from fitscape.study.records import TrialState


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended. ``interrupted`` says why it ended early; empty where everything was run."""

    counts: dict[TrialState, int]
    interrupted: str
    seconds: float
