"""The stopping rule in a run: what it is told, and how a stopped trial ends."""

from pathlib import Path
from typing import Any

import pytest
from hand_made import make_epoch, make_trial
from odd_trials import Heard, falling_trials, seeds_study

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import EpochRecord, TrialState
from fitscape.study.scheduling import stopping
from fitscape.study.scheduling.reports import End
from fitscape.study.scheduling.stopping import Stopping
from fitscape.study.search.savings import savings
from fitscape.study.search.space import resolve


def constant_study() -> StudyConfig:
    return StudyConfig.model_validate(
        {
            "name": "s",
            "base": {"optimization": {"schedule": "constant", "epochs": 16}},
            "space": {"width": {"low": 0.125, "high": 1.0, "log": True}},
            "stopping": {"enabled": True, "warmup_trials": 4, "audit_fraction": 0.0},
        }
    )


def curve(level: float, epochs: int = 16) -> list[EpochRecord]:
    """Errors that fall towards a level."""
    errors = [level + 0.3 * 0.6**epoch for epoch in range(epochs)]
    return [make_epoch(0.8 * e, e, epoch=n + 1) for n, e in enumerate(errors)]


def test_a_trial_whose_end_is_beyond_doubt_is_stopped_with_its_prediction() -> None:
    config = constant_study()
    known = [make_trial({"width": 0.125 + 0.02 * i}, *curve(0.5 + 0.001 * i)) for i in range(24)]
    known += [make_trial({"width": 0.9 - 0.02 * i}, *curve(0.02 + 0.001 * i)) for i in range(8)]
    rule = Stopping(config, resolve(config), chance_error=0.9, known=known)
    trial = config.base.with_hyperparameters({"width": 0.2})
    ends = [end for record in curve(0.5) if (end := rule.look(trial, record)) is not None]
    assert ends, "never stopped"
    assert ends[0].state is TrialState.STOPPED
    assert ends[0].message.startswith("stopped after ")
    assert ends[0].extra["predicted"]["label"] == "underfit"


def test_outside_the_space_and_at_divergence_the_rule_keeps_out() -> None:
    config = constant_study()
    rule = Stopping(config, resolve(config), chance_error=0.9, known=[])
    outside = config.base.with_hyperparameters({"width": 2.0})
    assert rule.look(outside, make_epoch(0.5, 0.5, epoch=1)) is None
    assert rule.look(config.base.with_hyperparameters({"width": 0.2}), make_epoch(0.5, float("nan"), epoch=1)) is None


def test_where_stopping_cannot_be_trusted_it_says_so() -> None:
    config = StudyConfig.model_validate({"name": "s", "stopping": {"enabled": True}})
    assert "constant learning rate" in Stopping(config, {}, chance_error=0.9, known=[]).why_not


def test_a_stopped_trial_is_written_as_stopped_and_its_slot_goes_on(
    run_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(self: Stopping, trial: TrialConfig, record: EpochRecord) -> End | None:
        if trial.seed == 1 and record.epoch == 2:
            return End(state=TrialState.STOPPED, message="seen enough", extra={"predicted": {"label": "good"}})
        return None

    monkeypatch.setattr(stopping.Stopping, "look", look)
    config = seeds_study([1, 2, 3]).model_copy(update={"stopping": constant_study().stopping})
    run_study(tmp_path, config, observer=Heard(), seconds=0.2)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        first, second, third = ledger.trials()
    assert (first.state, first.message, len(first.epochs)) == (TrialState.STOPPED, "seen enough", 2)
    assert first.extra["predicted"] == {"label": "good"}
    assert second.state is third.state is TrialState.FINISHED


def test_in_a_run_trials_that_ran_in_full_teach_the_rule_to_stop_later_ones(run_study: Any, tmp_path: Path) -> None:
    config = constant_study().model_copy(update={"search": constant_study().search.model_copy(update={"trials": 24})})
    run_study(tmp_path, config, observer=Heard(), run=falling_trials)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        trials = ledger.trials()
    stopped = [t for t in trials if t.state is TrialState.STOPPED]
    assert stopped, "the rule never stopped a trial"
    assert all(len(t.epochs) < 16 for t in stopped)
    assert sum(t.state is TrialState.FINISHED for t in trials) >= 8
    saved = savings(config, resolve(config), trials, 0.9)
    assert saved is not None
    assert (saved.trials, saved.stopped) == (24, len(stopped))
    assert saved.full == 24 * 16
    assert saved.epochs == sum(len(t.epochs) for t in trials)
