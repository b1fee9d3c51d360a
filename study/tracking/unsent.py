"""What MLflow lacks of each trial, by the ledger's events."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fitscape.study.ledger import Event, EventKind


@dataclass
class Unsent:
    """Of one trial. ``first`` is the earliest event that tells of it; None: no event that was looked at."""

    first: int | None = None
    epochs: set[int] = field(default_factory=set)


def by_trial(events: Iterable[Event]) -> dict[str, Unsent]:
    """In the order of the first event of each trial."""
    found: dict[str, Unsent] = {}
    for event in events:
        if event.trial_id is not None:
            unsent = found.setdefault(event.trial_id, Unsent(first=event.seq))
            if event.kind is EventKind.EPOCH and event.epoch is not None:
                unsent.epochs.add(event.epoch)
    return found
