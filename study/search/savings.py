"""What early stopping saved in a study, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from fitscape.study.config import StudyConfig
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.search.audit import Audit
from fitscape.study.search.space import Space
from fitscape.study.search.stopping import StoppingRule, applicable


@dataclass(frozen=True)
class Savings:
    """Of the trials that ended, by themselves or by the rule."""

    trials: int
    stopped: int
    unlabelled: int  # of the stopped ones: left undecided
    epochs: int  # trained
    full: int  # what these trials would have trained without the rule; one that diverged ends where it did
    audit: Audit

    @property
    def text(self) -> str:
        """One line for people."""
        if not self.stopped:
            return f"none of {self.trials} trials was stopped early"
        saved = 1 - self.epochs / self.full
        left = f", {self.unlabelled} of them without a label" if self.unlabelled else ""
        stopped = f"{self.stopped} of {self.trials} trials were stopped early{left}"
        return f"{stopped}, {100 * saved:.0f} % of the epochs saved; {self.audit.text}"


def savings(config: StudyConfig, space: Space, trials: Sequence[TrialRecord], chance_error: float) -> Savings | None:
    """From the ledger's records of a study with stopping; None where it cannot be trusted and stops nothing."""
    if not applicable(config)[0]:
        return None
    rule = StoppingRule.of(config, space, chance_error)
    rule.restore(trials)
    ended = [t for t in trials if t.state in (TrialState.FINISHED, TrialState.DIVERGED, TrialState.STOPPED)]
    stopped = [t for t in ended if t.state is TrialState.STOPPED]
    return Savings(
        trials=len(ended),
        stopped=len(stopped),
        unlabelled=sum(t.extra.get("predicted", {}).get("labelled") is False for t in stopped),
        epochs=sum(len(t.epochs) for t in ended),
        full=sum(t.config.optimization.epochs if t.state is TrialState.STOPPED else len(t.epochs) for t in ended),
        audit=rule.audit,
    )
