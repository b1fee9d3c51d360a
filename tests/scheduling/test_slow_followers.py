"""Nothing that follows from a record holds the ledger up: a storage, a sampler, a reader of the output."""

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hand_made import make_epoch
from odd_trials import Heard, seeds_study
from studies_by_hand import wait_until

from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialState
from fitscape.study.scheduling import ledger_writer
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.events import Event, TrialEnded
from fitscape.study.scheduling.heartbeat import Address
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.ledger_writer import Bookkeeper
from fitscape.study.scheduling.reports import End, Start, WorkerReport

START = Start(node="n", device="cpu", records=(), node_id="n", pulse=Address(0, 0))
TRIALS = 8


class Scene:
    """Eight trials that end at once."""

    def __init__(self, tmp_path: Path, ledger: Any = None, **given: Any) -> None:
        config = seeds_study(list(range(TRIALS)))
        self.ledger = Ledger.create(tmp_path / "ledger.db", config, {})
        self.ids = [
            self.ledger.add_trial(config.base.with_hyperparameters({"seed": seed}), {"seed": seed}, "enqueue").trial_id
            for seed in range(TRIALS)
        ]
        self.interruption = Interruption()
        self.bookkeeper = Bookkeeper(
            ledger(self.ledger) if ledger else self.ledger,
            **{
                "tell": lambda trial: None,
                "checkpoints": CheckpointStore(str(tmp_path / "checkpoints")),
                "observer": Heard(),
                "interruption": self.interruption,
                **given,
            },
        )

    def play(self) -> None:
        for trial_id in self.ids:
            self.bookkeeper.report(trial_id, WorkerReport(start=START))
            self.bookkeeper.report(trial_id, WorkerReport(records=(make_epoch(0.5, 0.5, epoch=1),)))
            self.bookkeeper.ended(trial_id, End(state=TrialState.FINISHED))

    @property
    def finished(self) -> int:
        return self.ledger.counts()[TrialState.FINISHED]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_writer, "RETRY_EVERY", 0.01)


class Slow:
    """A storage, a sampler and a reader that answer once they are let."""

    def __init__(self) -> None:
        self.let = threading.Event()

    def given(self, which: str) -> dict[str, Any]:
        wait = self.let.wait

        class Store(CheckpointStore):
            def delete(self, trial_id: str) -> None:
                wait(60)

        class Reader(Heard):
            def __call__(self, event: Event) -> None:
                if isinstance(event, TrialEnded):
                    wait(60)

        followers = {
            "checkpoints": lambda: Store("/nowhere"),
            "tell": lambda: lambda trial: wait(60),
            "observer": Reader,
        }
        return {which: followers[which]()}


@pytest.mark.parametrize("follower", ["checkpoints", "tell", "observer"])
def test_a_slow_follower_costs_no_trial(tmp_path: Path, follower: str) -> None:
    slow = Slow()
    scene = Scene(tmp_path, **slow.given(follower))
    scene.play()
    wait_until(lambda: scene.finished == TRIALS, 20)  # while the follower has not answered to the first of them
    slow.let.set()
    scene.bookkeeper.close(within=5.0)
    assert scene.finished == TRIALS


def test_a_reader_that_stands_still_stops_neither_the_ledger_nor_the_end(tmp_path: Path) -> None:
    stalled = threading.Event()

    class Stalled(Heard):
        def __call__(self, event: Event) -> None:
            stalled.wait()

    scene = Scene(tmp_path, observer=Stalled())
    scene.play()
    scene.bookkeeper.close(within=0.3)
    assert scene.finished == TRIALS
    stalled.set()


class Refusing:
    """A ledger whose writes are refused now and then."""

    def __init__(self, ledger: Ledger, error: Exception, times: int) -> None:
        self._ledger, self._error, self.times = ledger, error, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def end_trial(self, *arguments: Any, **named: Any) -> bool:
        if self.times:
            self.times -= 1
            raise self._error
        return self._ledger.end_trial(*arguments, **named)


@pytest.mark.parametrize("error", [sqlite3.OperationalError("locking protocol"), OSError(5, "Input/output error")])
def test_one_refusal_of_any_kind_loses_no_end(tmp_path: Path, error: Exception) -> None:
    scene = Scene(tmp_path, ledger=lambda ledger: Refusing(ledger, error, 1))
    scene.play()
    scene.bookkeeper.close()
    assert scene.finished == TRIALS


def test_what_was_never_written_is_told_at_the_end(tmp_path: Path) -> None:
    scene = Scene(tmp_path, ledger=lambda ledger: Refusing(ledger, KeyError("no such trial"), 3))
    scene.play()
    with pytest.raises(UserError, match="1 reports were not written: a report was dropped: KeyError"):
        scene.bookkeeper.close()
    assert scene.finished == TRIALS - 1


def test_the_end_waits_as_long_as_something_is_written(tmp_path: Path) -> None:
    class Sluggish(Refusing):
        def end_trial(self, *arguments: Any, **named: Any) -> bool:
            time.sleep(0.8)
            return self._ledger.end_trial(*arguments, **named)

    scene = Scene(tmp_path, ledger=lambda ledger: Sluggish(ledger, ValueError(), 0))
    scene.play()
    scene.bookkeeper.close(within=4.0)  # of 6.4 s all in all
    assert scene.finished == TRIALS
