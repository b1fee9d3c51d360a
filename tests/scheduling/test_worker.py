"""A real trial in Tune's hands: interrupted, damaged, taken up again, with the same numbers."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hand_made import make_epoch

from fitscape.study.config import DataConfig, TrialConfig
from fitscape.study.data import TrialData, load
from fitscape.study.records import EpochRecord, ModelSize, TrialState
from fitscape.study.scheduling import worker
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.reports import WorkerReport
from fitscape.study.scheduling.worker import Shared, TrialRunner
from fitscape.study.training import Progress, Settings

TRIAL = TrialConfig().with_hyperparameters({"width": 0.125, "epochs": 3})


@pytest.fixture(scope="module")
def digits() -> TrialData:
    return load(DataConfig(limit=300)).trial_data


def make_runner(shared: Shared, trial: TrialConfig = TRIAL) -> TrialRunner:
    runner = TrialRunner.__new__(TrialRunner)
    runner.setup({"trial": trial.model_dump_json()}, shared)
    return runner


def steps(runner: TrialRunner) -> Iterator[WorkerReport]:
    while True:
        result: dict[str, Any] = runner.step()
        yield result["report"]
        if result["done"]:
            return


def numbers(record: EpochRecord) -> EpochRecord:
    """The record without times, which differ from run to run."""
    clockless = dict.fromkeys(("time", "train_seconds", "eval_seconds", "images_per_second", "peak_memory_mib"), 0.0)
    return replace(record, **clockless)


def test_interrupted_trials_end_with_the_numbers_of_an_undisturbed_one(
    cluster: Cluster, digits: TrialData, tmp_path: Path
) -> None:
    store = CheckpointStore(str(tmp_path / "a"))
    shared = Shared(data=digits, settings=Settings(), checkpoints=store, save_every=0.0)
    undisturbed = list(steps(make_runner(replace(shared, checkpoints=CheckpointStore(str(tmp_path / "b"))))))
    expected = [numbers(report.record) for report in undisturbed if report.record]
    assert undisturbed[-1].end is not None
    assert undisturbed[-1].end.state is TrialState.FINISHED
    assert undisturbed[-1].end.late is not None

    first = make_runner(shared)
    started, one, two = first.step(), first.step(), first.step()
    assert started["report"].start.epoch == 0
    first.cleanup()  # what an interruption calls: the end of epoch 2 is saved
    seen = [numbers(result["report"].record) for result in (one, two)]

    rest = list(steps(make_runner(shared)))
    assert rest[0].start is not None
    assert rest[0].start.epoch == 2
    assert [numbers(record) for record in rest[0].start.records] == expected[:2]  # the ledger may lack both
    seen += [numbers(report.record) for report in rest if report.record]
    assert seen == expected

    newest = max((tmp_path / "a" / TRIAL.trial_id).iterdir())
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 0xFF
    newest.write_bytes(data)
    again = list(steps(make_runner(shared)))
    assert again[0].start is not None
    assert again[0].start.epoch < 2
    assert "checkpoint of epoch 2 is not used (checkpoint: corrupt" in again[0].notices[0]
    assert [numbers(report.record) for report in again if report.record] == expected[again[0].start.epoch :]


def test_a_warm_worker_runs_trial_after_trial(cluster: Cluster, digits: TrialData, tmp_path: Path) -> None:
    shared = Shared(data=digits, settings=Settings(), checkpoints=CheckpointStore(str(tmp_path)))
    runner = make_runner(shared)
    assert [r.end.state for r in steps(runner) if r.end] == [TrialState.FINISHED]
    other = TRIAL.with_hyperparameters({"seed": 7, "epochs": 1})
    assert runner.reset_config({"trial": other.model_dump_json()})
    reports = list(steps(runner))
    assert [r.record.epoch for r in reports if r.record] == [1]
    assert not list(tmp_path.iterdir()), "short trials write no checkpoints"


def test_a_checkpoint_that_cannot_be_written_is_said_and_costs_no_trial(
    cluster: Cluster, digits: TrialData, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    shared = Shared(data=digits, settings=Settings(), checkpoints=CheckpointStore(str(blocked)), save_every=0.0)
    reports = list(steps(make_runner(shared)))
    assert reports[-1].end is not None
    assert reports[-1].end.state is TrialState.FINISHED
    assert any("checkpoint not written" in text for report in reports for text in report.notices)


class Clock:
    """A time that passes as it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("slots", [1, 4, 256])
def test_all_trials_together_write_no_more_than_a_modest_store_takes(
    digits: TrialData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slots: int
) -> None:
    """256 trials of 90 MB each would write 2.3 GB a second where each saves every ten seconds."""
    clock, size, epochs = Clock(), 1_000_000, 400
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=clock.monotonic))
    monkeypatch.setattr(worker, "TRAFFIC", 10.0 * size)  # ten such checkpoints a second
    ray = SimpleNamespace(get_gpu_ids=list, get_runtime_context=lambda: SimpleNamespace(get_node_id=lambda: "0" * 16))
    monkeypatch.setattr(worker, "ray", ray)
    written: list[float] = []

    class Counting(CheckpointStore):
        def save(self, trial_id: str, epoch: int, data: bytes) -> None:
            assert len(data) >= size
            written.append(clock.now)

    def epoch_a_second(*_: Any, **__: Any) -> Iterator[Progress]:
        for epoch in range(1, epochs + 1):
            clock.now += 1
            record = make_epoch(0.5, 0.5, epoch=epoch)
            yield Progress(record, lambda: b"x" * size, False, None, ModelSize(parameters=1, flops=1), False)

    shared = Shared(
        data=digits, settings=Settings(), checkpoints=Counting(str(tmp_path)), save_every=0.0, run=epoch_a_second
    )
    runner = TrialRunner.__new__(TrialRunner)
    trial = TRIAL.with_hyperparameters({"epochs": epochs + 1})
    runner.setup({"trial": trial.model_dump_json(), "slots": slots}, shared)
    for _ in range(epochs):
        runner.step()
    steady = written[1:]  # before the first one nobody knows how large they are
    pauses = [after - before for before, after in pairwise(steady)]
    assert min(pauses) >= slots / 10
    assert max(pauses) <= max(1, slots / 10 + 1), "and not much rarer than that"
