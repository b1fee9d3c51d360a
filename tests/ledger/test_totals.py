"""What SQLite counts is what the records say."""

import math
from pathlib import Path

import pytest
from studies_by_hand import epoch_record, new_ledger, run_by_hand

from fitscape.study.config import TrialConfig
from fitscape.study.ledger import Ledger
from fitscape.study.ledger.totals import Running
from fitscape.study.records import Label, Regime, TrialState


@pytest.fixture
def ledger(tmp_path: Path):
    with new_ledger(tmp_path) as ledger:
        run_by_hand(ledger, 0, epochs=2)
        run_by_hand(ledger, 1, epochs=4)
        run_by_hand(ledger, 2, epochs=1, end=None)
        run_by_hand(ledger, 3, epochs=8, end=TrialState.DIVERGED)
        ledger.add_trial(TrialConfig(seed=4), {"seed": 4}, "sobol")
        yield ledger


def test_totals_are_those_of_the_records(ledger: Ledger) -> None:
    trials = ledger.trials()
    assert ledger.ended() == [t.trial_id for t in trials if t.state.terminal]
    assert (ledger.unended, ledger.begun) == (2, True)
    assert ledger.seconds() == pytest.approx(sum(trial.seconds for trial in trials))
    assert ledger.running() == [Running(trials[2].trial_id, 1, trials[2].config.optimization.epochs)]


def test_the_lowest_error_is_that_of_a_finished_trials_last_epoch(ledger: Ledger) -> None:
    assert ledger.lowest("val_error") == ledger.trials()[1].trial_id
    odd = TrialConfig(seed=9)
    ledger.add_trial(odd, {}, "sobol")
    ledger.record_epoch(odd.trial_id, epoch_record(1, val_error=0.001))
    ledger.record_epoch(odd.trial_id, epoch_record(2, val_error=math.nan, val_balanced_error=0.01))
    ledger.end_trial(odd.trial_id, TrialState.FINISHED)
    assert ledger.lowest("val_error") == ledger.trials()[1].trial_id, "not an earlier epoch, nor NaN"
    assert ledger.lowest("val_balanced_error", "val_error") == odd.trial_id


def test_labels_are_overtaken_by_the_next_end(ledger: Ledger) -> None:
    assert not ledger.labelled
    label = Label(
        trial_id=ledger.ended()[0],
        epoch=2,
        regime=Regime.GOOD,
        probability=1.0,
        probabilities={"good": 1.0},
        train_excess=0.0,
        gap_excess=0.0,
        bias_share=0.5,
        flags=(),
        thresholds_version=1,
        tau=0.05,
        reference_error=0.1,
        chance_error=0.9,
    )
    ledger.put_labels([label])
    assert ledger.labelled
    run_by_hand(ledger, 7)
    assert not ledger.labelled
