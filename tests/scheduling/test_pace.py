"""Times of trials as they come in, and what they say of those that are still to come."""

import pytest
from hand_made import make_epoch

from fitscape.study.config import TrialConfig
from fitscape.study.records import TrialState
from fitscape.study.scheduling.outlook import Outlook
from fitscape.study.scheduling.pace import Pace, time_left
from fitscape.study.scheduling.reports import End, WorkerReport
from fitscape.study.scheduling.time_limit import CLOSING, REPORT, TimeLimit
from fitscape.study.search.cost import CostModel, Work

WORK = Work(1000, 200, 300, (1, 8, 8), 10)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def trial(seed: int = 0, **hyperparameters: object) -> TrialConfig:
    return TrialConfig().with_hyperparameters({"epochs": 4, "width": 0.25, "seed": seed, **hyperparameters})


def play(pace: Pace, clock: Clock, config: TrialConfig, epochs: int, *, seconds: float, around: float = 0.0) -> None:
    """Epochs of a trial, and its end where they are all of them."""
    pace.begun(config)
    clock.now += around
    for epoch in range(1, epochs + 1):
        clock.now += seconds
        record = make_epoch(0.5, 0.5, epoch=epoch, train_seconds=0.75 * seconds, eval_seconds=0.25 * seconds)
        end = End(state=TrialState.FINISHED) if epoch == config.optimization.epochs else None
        pace.heard(config.trial_id, WorkerReport(records=(record,), end=end))


def test_a_trial_takes_what_such_trials_took_and_what_is_around_their_epochs() -> None:
    clock = Clock()
    pace = Pace(CostModel(WORK), clock=clock)
    assert pace.expected(trial()) is None
    for seed in range(6):
        play(pace, clock, trial(seed), 4, seconds=2.0, around=1.5)
        pace.over(trial(seed).trial_id)
    assert pace.expected(trial(99)) == pytest.approx(9.5, rel=0.05)
    surely = pace.expected(trial(99), sure=True)
    assert surely is not None
    assert 9.5 < surely < 14


def test_an_interrupted_trial_takes_only_what_it_lacks() -> None:
    clock = Clock()
    pace = Pace(CostModel(WORK), clock=clock)
    play(pace, clock, trial(), 3, seconds=2.0)
    pace.over(trial().trial_id)
    assert pace.expected(trial()) == pytest.approx(2.0)


def test_what_a_running_trial_still_takes_falls_as_time_goes() -> None:
    clock = Clock()
    pace = Pace(CostModel(WORK), clock=clock)
    play(pace, clock, trial(), 1, seconds=2.0)
    assert pace.rest() == {trial().trial_id: pytest.approx(6.0)}
    clock.now += 1.0
    assert pace.rest() == {trial().trial_id: pytest.approx(5.0)}
    assert pace.longest_pause() == pytest.approx(2.0)


def test_a_trial_is_silent_for_as_long_as_a_report_carries_epochs() -> None:
    """A time limit asks trials to end so much earlier."""
    clock = Clock()
    pace = Pace(CostModel(WORK), every=lambda: 2.0, clock=clock)
    long = trial(1, epochs=100)
    play(pace, clock, long, 10, seconds=0.75)
    assert pace.longest_pause() == pytest.approx(2.25), "three epochs"
    clock.now += 1.75
    assert pace.rest()[long.trial_id] == pytest.approx(90 * 0.75 - 1.75)
    play(pace, clock, long, 99, seconds=0.75)
    assert pace.longest_pause() == pytest.approx(0.75), "the last report waits for nothing"


@pytest.mark.parametrize(
    ("rest", "waiting", "slots", "seconds"),
    [([], [], 2, 0), ([3], [], 2, 3), ([3], [5, 1], 2, 5), ([1, 1], [4, 4, 4], 2, 9), ([], [2] * 10, 4, 6)],
)
def test_trials_that_wait_go_to_the_slot_that_is_free_first(
    rest: list[float], waiting: list[float], slots: int, seconds: float
) -> None:
    assert time_left(rest, waiting, slots) == seconds


def test_a_limit_keeps_time_for_the_report_and_lets_no_trial_begin_that_cannot_end() -> None:
    clock = Clock()
    limit = TimeLimit(60, clock=clock)
    assert limit.allows(trial()), "nothing is known yet"
    limit.pace = pace = Pace(CostModel(WORK), clock=clock)
    for seed in range(8):
        play(pace, clock, trial(seed), 4, seconds=1.0)
        pace.over(trial(seed).trial_id)
    assert limit.left == pytest.approx(60 - 32 - CLOSING - REPORT)
    assert limit.allows(trial(9))
    assert not limit.allows(trial(9, epochs=400))
    assert not limit.up
    pace.begun(trial(10))
    clock.now = 60 - CLOSING - REPORT - 0.5  # its epoch takes a second
    assert limit.up
    clock.now = 0
    limit.report_took(30.0, 0)
    assert limit.left == pytest.approx(60 - CLOSING - 30)


def test_the_outlook_counts_running_waiting_and_undrawn_trials() -> None:
    clock = Clock()
    pace = Pace(CostModel(WORK), clock=clock)
    waiting = [trial(20)]
    outlook = Outlook(pace, [trial(30)], waiting=lambda: waiting, undrawn=lambda: 100, slots=lambda: 2, limit=None)
    assert outlook.expected() is None
    for seed in range(12):
        play(pace, clock, trial(seed), 4, seconds=2.0)
        pace.over(trial(seed).trial_id)
    expected = outlook.expected()
    assert expected is not None
    assert expected.seconds == pytest.approx(101 * 8 / 2, rel=0.05)
    short = TimeLimit(100, since=clock.now, clock=clock)
    within = Outlook(pace, [trial(30)], waiting=list, undrawn=lambda: 100, slots=lambda: 2, limit=short).expected()
    assert within is not None
    assert within.seconds == pytest.approx(short.left)
