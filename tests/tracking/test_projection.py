import math
import sys
from dataclasses import replace

from studies_by_hand import NOON, epoch_record

from fitscape.study.config import TrialConfig
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.tracking import projection


def trial(**values) -> TrialRecord:
    config = TrialConfig()
    plain = {"number": 0, "trial_id": config.trial_id, "config": config, "hyperparameters": {}, "origin": "sobol"}
    return TrialRecord(**plain | values)


def test_a_point_keeps_the_original_time_and_the_epoch_as_step():
    point = projection.points(epoch_record(3))[0]
    assert (point.time, point.step) == ((NOON + 3) * 1000, 3)


def test_what_was_not_measured_is_left_out_and_nan_is_kept():
    values = projection.metrics(epoch_record(1, gradient_ratio=math.nan, memorized_train=None))
    assert "memorized_train" not in values
    assert math.isnan(values["gradient_ratio"])


def test_an_infinity_is_clipped_and_named():
    record = epoch_record(2, val_loss=-math.inf)
    assert {p.key: p.value for p in projection.points(record)}["val_loss"] == -sys.float_info.max
    tag = projection.infinite([record])
    assert tag == {"infinite": '{"val_loss": [2]}'}
    assert projection.infinite([epoch_record(3, val_loss=math.inf), record], tag["infinite"]) == {
        "infinite": '{"val_loss": [2, 3]}'
    }
    assert projection.infinite([epoch_record(1)]) == {}


def test_a_trial_that_only_waits_has_no_run_and_one_that_failed_at_once_has():
    assert not projection.begun(trial())
    assert projection.begun(trial(attempts=1))
    assert projection.begun(trial(state=TrialState.FAILED))


def test_status_and_state_together_are_different_for_every_state():
    told = [
        (projection.status(t), projection.tags(t, None, "s")["state"]) for t in (trial(state=s) for s in TrialState)
    ]
    assert len(set(told)) == len(TrialState)


def test_a_long_history_is_thinned_by_a_rule_that_the_run_states() -> None:
    config = TrialConfig().with_hyperparameters({"epochs": 2000})
    ends = {
        state: TrialRecord(
            number=0,
            trial_id="t",
            config=config,
            hyperparameters={},
            origin="sobol",
            state=state,
            epochs=tuple(epoch_record(epoch) for epoch in range(1, 1235)),
        )
        for state in (TrialState.RUNNING, TrialState.DIVERGED)
    }
    running, ended = ([e.epoch for e in projection.shown(trial)] for trial in ends.values())
    assert running == [1, *range(4, 1235, 4)]
    assert ended == [*running, 1234]
    rule = projection.tags(ends[TrialState.DIVERGED], None, "s")["epochs_shown"]
    assert rule.startswith("the first, the last, and those that 4 divides")
    short = replace(ends[TrialState.DIVERGED], config=TrialConfig().with_hyperparameters({"epochs": 500}))
    assert projection.shown(short) == list(short.epochs)
    assert "epochs_shown" not in projection.tags(short, None, "s")
