"""Flags that compare: trials with each other (degraded), a trial's last epoch with its best (overfit in time)."""

from collections.abc import Sequence

from fitscape.study.records import TrialRecord
from fitscape.study.regimes.depth import depth_pairs, depth_tests
from fitscape.study.regimes.late import beyond_fluctuation, error_rises, loss_rises
from fitscape.study.regimes.subject import TrialAtEpoch


def study_flags(
    trials: Sequence[TrialRecord],
    subjects: Sequence[TrialAtEpoch],
    classes: int,
    chance_error: float,
    epoch: int | None,
    overlap: float = 0.0,
) -> dict[str, set[str]]:
    """By trial id; *degraded* at the end alone."""
    found = late_flags(subjects)
    if epoch is None:
        for test in depth_tests(depth_pairs(trials, classes=classes, chance_error=chance_error), overlap):
            if test.degraded:
                for trial in test.pair.deep_trials:
                    found.setdefault(trial.trial_id, set()).add("degraded")
    return found


def late_flags(subjects: Sequence[TrialAtEpoch]) -> dict[str, set[str]]:
    """Overfit in time, where the labelled epoch is the pair's last one: the rise is sure over images, and larger
    than the epochs of this run differ anyway."""
    late = [
        (s, pair)
        for s in subjects
        if (pair := s.trial.late) is not None and s.record is not None and pair.last_epoch == s.epoch
    ]
    found: dict[str, set[str]] = {}
    for name, rises, measure in (
        ("overfit_in_time", loss_rises, "val_loss"),
        ("overfit_in_time_error", error_rises, "val_error"),
    ):
        # The curve first: the losses of single images lie in the ledger until somebody looks at them.
        risen = [(s, pair) for s, pair in late if beyond_fluctuation([getattr(e, measure) for e in s.epochs])]
        for (subject, _), rise in zip(risen, rises([pair for _, pair in risen]), strict=True):
            if rise.overfits:
                found.setdefault(subject.trial.trial_id, set()).add(name)
    return found
