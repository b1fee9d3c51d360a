"""The search's stopping rule, fed with the reports of running trials."""

import math
from collections.abc import Iterable

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.records import EpochRecord, TrialRecord, TrialState
from fitscape.study.scheduling.reports import End
from fitscape.study.search.space import Space, point_of
from fitscape.study.search.stopping import StoppingRule, applicable


class Stopping:
    """Which running trials end before their last epoch. Called from Tune's loop only, so it has no lock.

    Args:
        config: the study.
        space: its hyperparameters.
        chance_error: error of always answering the majority class, on validation.
        known: trials of earlier runs: those that have ended teach, those that go on are taken up where they are.
    """

    def __init__(self, config: StudyConfig, space: Space, *, chance_error: float, known: Iterable[TrialRecord]) -> None:
        self._space = space
        _, self.why_not = applicable(config)
        self._rule = StoppingRule.of(config, space, chance_error)
        trials = list(known)
        self._rule.restore(trials)
        for trial in trials:
            if not trial.state.terminal:
                for record in trial.epochs:
                    self.look(trial.config, record)

    def look(self, trial: TrialConfig, record: EpochRecord) -> End | None:
        """Take in one epoch; the trial's end if it should stop here."""
        point = point_of(trial, self._space)
        if point is None or not math.isfinite(record.train_error + record.val_error):
            return None  # outside the space there is no forecast; divergence is the trial's own to report
        total = trial.optimization.epochs
        decision = self._rule.observe(trial.trial_id, point, record.epoch, total, record.train_error, record.val_error)
        if decision is None:
            return None
        told = {"label": decision.label, "probability": decision.probability, "labelled": decision.labelled}
        return End(
            state=TrialState.STOPPED, message=decision.reason, extra={"predicted": {**told, **decision.outcome()}}
        )

    def ended(self, trial_id: str, state: TrialState) -> None:
        """A trial has ended by itself; finished and diverged ones teach the rule."""
        self._rule.finish(trial_id, diverged=state is TrialState.DIVERGED)
