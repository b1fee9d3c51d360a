"""Which trial is handed out when."""

import threading
import time
from types import SimpleNamespace
from typing import Any

from hand_made import make_epoch, make_trial
from ray.tune.search import Searcher

from fitscape.study.config import TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.records import TrialState
from fitscape.study.scheduling.trial_queue import Feed


class Asks:
    """Hands out trials by seed."""

    def __init__(self, count: int, *, gate: threading.Event | None = None) -> None:
        self._left, self._gate, self.asked = count, gate, 0

    @property
    def remaining(self) -> int:
        return self._left

    def ask(self) -> Any:
        if self._gate is not None:
            self._gate.wait()
        if not self._left:
            return None
        self._left -= 1
        self.asked += 1
        return SimpleNamespace(config=TrialConfig(seed=self.asked))


def make_feed(asks: Asks, pending: tuple[Any, ...] = (), **given: Any) -> Feed:
    settings = {"add": lambda s: s.config, "room": lambda: 100, "ahead": 3, "cost": lambda c: c.seed, **given}
    return Feed(pending, asks, **settings)


def drain(feed: Feed) -> list[int]:
    """Seeds in the order that Tune would get them; what is out ends where there is nothing else."""
    seeds = []
    for number in range(1000):
        suggestion = feed.suggest(str(number))
        if suggestion == Searcher.FINISHED:
            return seeds
        if suggestion is None:
            time.sleep(0.001)
            for out in list(feed._out):
                feed.on_trial_complete(out)
        else:
            seeds.append(TrialConfig.model_validate_json(suggestion["trial"]).seed)
    raise AssertionError("the feed never ends")


def test_every_trial_is_handed_out_once_and_then_it_is_finished() -> None:
    assert sorted(drain(make_feed(Asks(20)))) == list(range(1, 21))


def test_trials_with_epochs_behind_them_go_first() -> None:
    begun = make_trial({"seed": 50}, make_epoch(0.5, 0.5), state=TrialState.PENDING)
    waiting = make_trial({"seed": 40}, state=TrialState.PENDING)
    assert drain(make_feed(Asks(2), (waiting, begun)))[0] == 50


def test_the_longest_of_the_last_trials_goes_first() -> None:
    feed = make_feed(Asks(3), ahead=10)
    while not feed._exhausted:
        time.sleep(0.001)
    assert drain(feed) == [3, 2, 1]


def test_no_more_than_there_is_room_for_are_out() -> None:
    feed = make_feed(Asks(9), room=lambda: 2)
    while len(feed._ready) < 3:
        time.sleep(0.001)
    assert feed.suggest("a") is not None
    assert feed.suggest("b") is not None
    assert feed.suggest("c") is None
    feed.on_trial_complete("a")
    assert feed.suggest("c") is not None


def test_a_slow_sampler_does_not_hold_up_the_loop_while_trials_run() -> None:
    gate = threading.Event()
    feed = make_feed(Asks(5, gate=gate), (make_trial({"seed": 9}, state=TrialState.PENDING),))
    assert feed.suggest("a") is not None
    assert feed.suggest("b") is None
    gate.set()


def test_a_closed_feed_hands_out_nothing_more() -> None:
    feed = make_feed(Asks(5))
    feed.close()
    assert feed.suggest("a") == Searcher.FINISHED


def test_an_error_of_the_sampler_ends_the_asking_and_is_kept() -> None:
    class Broken(Asks):
        def ask(self) -> Any:
            raise ArithmeticError("singular")

    feed = make_feed(Broken(5), (make_trial({"seed": 9}, state=TrialState.PENDING),))
    assert drain(feed) == [9]
    assert isinstance(feed.error, ArithmeticError)


def test_a_trial_that_is_lost_comes_back_before_all_others() -> None:
    feed = make_feed(Asks(3), ahead=10)
    first = feed.suggest("a")
    assert isinstance(first, dict)
    feed.on_trial_complete("a")
    feed.again(TrialConfig.model_validate_json(first["trial"]))
    assert feed.suggest("b") == first


def test_it_is_not_finished_while_a_trial_may_come_back() -> None:
    feed = make_feed(Asks(1))
    first = feed.suggest("a")
    assert isinstance(first, dict)
    config = TrialConfig.model_validate_json(first["trial"])
    assert feed.suggest("b") is None
    feed.on_trial_complete("a")
    feed.hold(config)
    assert feed.suggest("b") is None, "its card is looked at"
    assert feed.let_go(config.trial_id) == config
    assert feed.suggest("b") == Searcher.FINISHED


def test_an_attempt_is_told_where_not_to_go() -> None:
    feed = make_feed(Asks(1), attempt=lambda: {"avoid": ["GPU-1"], "selector": {}})
    assert feed.suggest("a") == {
        "trial": TrialConfig(seed=1).model_dump_json(),
        "id": TrialConfig(seed=1).trial_id,
        "avoid": ["GPU-1"],
        "selector": {},
    }


def test_a_sampler_that_learns_is_asked_for_no_more_than_can_run() -> None:
    """With 64 slots all of 192 trials were drawn before the first result."""
    asks = Asks(192)
    feed = make_feed(asks, room=lambda: 72, drawn=lambda: 64 + 8, ahead=64)
    out = 0
    for number in range(500):
        out += isinstance(feed.suggest(str(number)), dict)
        time.sleep(0.001)
    assert (out, asks.asked) == (72, 72)
    feed.on_trial_complete("0")
    for _ in range(2000):
        if asks.asked > 72:
            break
        time.sleep(0.001)
    assert asks.asked == 73


def test_nothing_is_handed_out_while_it_is_paused_or_once_the_run_ends() -> None:
    stopped: list[bool] = []
    feed = make_feed(Asks(5), stopped=lambda: bool(stopped))
    feed.paused = True
    assert feed.suggest("a") is None
    feed.paused = False
    assert isinstance(feed.suggest("a"), dict)
    stopped.append(True)
    assert feed.suggest("b") == Searcher.FINISHED


def test_a_ledger_that_refuses_a_new_trial_for_a_while_costs_none() -> None:
    refusals = [UserError("the disk is full", where="ledger.db")] * 2

    def add(suggestion: Any) -> TrialConfig:
        if suggestion.config.seed == 3 and refusals:
            raise refusals.pop()
        return suggestion.config

    feed = make_feed(Asks(10), add=add)
    while feed._left + len(feed._out) < 2:
        time.sleep(0.001)
    seeds = drain(feed)
    assert sorted(seeds) == list(range(1, 11))
    assert feed.error is None


def test_a_trial_that_cannot_end_in_time_is_not_begun_and_another_is() -> None:
    feed = make_feed(Asks(6), allows=lambda config: config.seed in (2, 5), ahead=10)
    assert sorted(drain(feed)) == [2, 5]
    assert feed.out_of_time
    assert sorted(config.seed for config in feed.waiting) == [1, 3, 4, 6]


def test_what_cannot_end_now_may_end_once_another_is_over() -> None:
    allowed: list[bool] = []
    feed = make_feed(Asks(2), allows=lambda config: config.seed == 1 or bool(allowed))
    while not isinstance(feed.suggest("a"), dict):
        time.sleep(0.001)
    assert feed.suggest("b") is None
    allowed.append(True)
    feed.on_trial_complete("a")
    assert drain(feed) == [2]
    assert not feed.out_of_time
