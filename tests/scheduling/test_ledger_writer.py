"""The ledger is written in order, whatever goes wrong around it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hand_made import make_epoch
from odd_trials import Heard, seeds_study

from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.records import EpochRecord, TrialState
from fitscape.study.scheduling import ledger_writer
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.heartbeat import Address
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.ledger_writer import Bookkeeper
from fitscape.study.scheduling.reports import End, Start, WorkerReport

START = Start(node="n", device="cpu", records=(), node_id="n", pulse=Address(0, 0))


class Flaky:
    """A ledger that is locked for its first writes."""

    def __init__(self, ledger: Ledger, refusals: int) -> None:
        self._ledger, self.refusals = ledger, refusals

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def record_epochs(self, *arguments: Any) -> list[EpochRecord]:
        if self.refusals:
            self.refusals -= 1
            raise UserError("the disk is full", where="ledger.db")
        return self._ledger.record_epochs(*arguments)


class Scene:
    def __init__(self, tmp_path: Path, *, refusals: int = 0, **given: Any) -> None:
        config = seeds_study([1])
        self.ledger = Ledger.create(tmp_path / "ledger.db", config, {})
        self.id = self.ledger.add_trial(config.base.with_hyperparameters({"seed": 1}), {"seed": 1}, "enqueue").trial_id
        self.store, self.heard, self.told = CheckpointStore(str(tmp_path / "checkpoints")), Heard(), []
        self.interruption = Interruption()
        self.bookkeeper = Bookkeeper(
            Flaky(self.ledger, refusals),  # type: ignore[arg-type]
            **{
                "tell": self.told.append,
                "checkpoints": self.store,
                "observer": self.heard,
                "interruption": self.interruption,
                **given,
            },
        )

    def play(self) -> None:
        """A trial of two epochs from start to end."""
        self.bookkeeper.report(self.id, WorkerReport(start=START))
        for epoch in (1, 2):
            self.bookkeeper.report(self.id, WorkerReport(records=(make_epoch(0.5, 0.5, epoch=epoch),)))
        self.bookkeeper.ended(self.id, End(state=TrialState.FINISHED))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_writer, "RETRY_EVERY", 0.01)


def test_a_trial_is_written_told_and_its_checkpoints_removed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.store.save(scene.id, 1, b"x")
    scene.play()
    scene.bookkeeper.close()
    trial = scene.ledger.trial(scene.id)
    assert trial.state is TrialState.FINISHED
    assert [record.epoch for record in trial.epochs] == [1, 2]
    assert [told.state for told in scene.told] == [TrialState.FINISHED]
    assert not list((tmp_path / "checkpoints").iterdir())


def test_epochs_whose_reports_were_lost_with_a_driver_come_from_the_checkpoint(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.bookkeeper.report(scene.id, WorkerReport(records=(make_epoch(0.5, 0.5, epoch=1),)))
    records = tuple(make_epoch(0.5, 0.25, epoch=epoch) for epoch in (1, 2, 3))
    for _ in range(2):
        scene.bookkeeper.report(scene.id, WorkerReport(start=replace(START, records=records)))
    scene.bookkeeper.report(scene.id, WorkerReport(records=(make_epoch(0.5, 0.5, epoch=4),)))
    scene.bookkeeper.close()
    errors = {record.epoch: record.val_error for record in scene.ledger.trial(scene.id).epochs}
    assert errors == {1: 0.5, 2: 0.25, 3: 0.25, 4: 0.5}  # what was written first stays


def test_what_cannot_be_written_is_tried_again_and_nothing_overtakes_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, refusals=5)
    scene.play()
    scene.bookkeeper.close()
    assert [record.epoch for record in scene.ledger.trial(scene.id).epochs] == [1, 2]
    assert [text for text in scene.heard.messages if "disk is full" in text] == [
        "ledger.db: the disk is full; trying again"
    ]


def test_a_ledger_that_stays_full_ends_the_run_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_writer, "GIVE_UP_AFTER", 0.05)
    scene = Scene(tmp_path, refusals=10**9)
    scene.play()
    with pytest.raises(UserError, match="disk is full"):
        scene.bookkeeper.close(within=0.5)
    assert scene.interruption.requested
    assert scene.ledger.trial(scene.id).state is TrialState.RUNNING


def test_a_sampler_or_view_that_raises_loses_no_record(tmp_path: Path) -> None:
    def broken(*arguments: Any) -> None:
        raise ArithmeticError("singular")

    scene = Scene(tmp_path, tell=broken, observer=broken)
    scene.play()
    scene.bookkeeper.close()
    assert scene.ledger.trial(scene.id).state is TrialState.FINISHED


def test_an_end_is_told_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.play()
    scene.bookkeeper.ended(scene.id, End(state=TrialState.FAILED, message="late"))
    scene.bookkeeper.close()
    assert len(scene.told) == 1
    assert scene.ledger.trial(scene.id).state is TrialState.FINISHED


def test_what_many_trials_have_to_say_is_said_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for text in ("vit: eager", "vit: eager", "swin: eager"):
        scene.bookkeeper.report(scene.id, WorkerReport(once=(text,)))
    scene.bookkeeper.close()
    assert scene.heard.messages == ["vit: eager", "swin: eager"]
