"""A real trial in Tune's hands: interrupted, damaged, taken up again, with the same numbers."""

from collections.abc import Callable, Iterator
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
from fitscape.study.scheduling import card_faults, reports, worker
from fitscape.study.scheduling.card_faults import CardFault
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.reports import WorkerReport
from fitscape.study.scheduling.worker import Shared, TrialRunner
from fitscape.study.training import AttemptOutOfMemory, Progress, Settings

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
    cluster: Cluster, digits: TrialData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "EVERY", 0.0)
    store = CheckpointStore(str(tmp_path / "a"))
    shared = Shared(data=digits, settings=Settings(), checkpoints=store, save_every=0.0)
    undisturbed = list(steps(make_runner(replace(shared, checkpoints=CheckpointStore(str(tmp_path / "b"))))))
    expected = [numbers(record) for report in undisturbed for record in report.records]
    assert undisturbed[-1].end is not None
    assert undisturbed[-1].end.state is TrialState.FINISHED
    assert undisturbed[-1].end.late is not None

    first = make_runner(shared)
    started, one, two = first.step(), first.step(), first.step()
    assert started["report"].start.epoch == 0
    first.cleanup()  # what an interruption calls: the end of epoch 2 is saved
    seen = [numbers(record) for result in (one, two) for record in result["report"].records]

    rest = list(steps(make_runner(shared)))
    assert rest[0].start is not None
    assert rest[0].start.epoch == 2
    assert [numbers(record) for record in rest[0].start.records] == expected[:2]  # the ledger may lack both
    seen += [numbers(record) for report in rest for record in report.records]
    assert seen == expected

    newest = max((tmp_path / "a" / TRIAL.trial_id).iterdir())
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 0xFF
    newest.write_bytes(data)
    again = list(steps(make_runner(shared)))
    assert again[0].start is not None
    assert again[0].start.epoch < 2
    assert "checkpoint of epoch 2 is not used (checkpoint: corrupt" in again[0].notices[0]
    assert [numbers(record) for report in again for record in report.records] == expected[again[0].start.epoch :]


def test_a_warm_worker_runs_trial_after_trial(cluster: Cluster, digits: TrialData, tmp_path: Path) -> None:
    shared = Shared(data=digits, settings=Settings(), checkpoints=CheckpointStore(str(tmp_path)))
    runner = make_runner(shared)
    assert [r.end.state for r in steps(runner) if r.end] == [TrialState.FINISHED]
    other = TRIAL.with_hyperparameters({"seed": 7, "epochs": 1})
    assert runner.reset_config({"trial": other.model_dump_json()})
    told = list(steps(runner))
    assert [record.epoch for r in told for record in r.records] == [1]
    assert not list(tmp_path.iterdir()), "short trials write no checkpoints"


def test_a_checkpoint_that_cannot_be_written_is_said_and_costs_no_trial(
    cluster: Cluster, digits: TrialData, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    shared = Shared(data=digits, settings=Settings(), checkpoints=CheckpointStore(str(blocked)), save_every=0.0)
    told = list(steps(make_runner(shared)))
    assert told[-1].end is not None
    assert told[-1].end.state is TrialState.FINISHED
    assert any("checkpoint not written" in text for report in told for text in report.notices)


class Clock:
    """A time that passes as it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The worker's, in a process that Ray knows nothing of."""
    clock = Clock()
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=clock.monotonic))
    ray = SimpleNamespace(get_gpu_ids=list, get_runtime_context=lambda: SimpleNamespace(get_node_id=lambda: "0" * 16))
    for module in (worker, card_faults):
        monkeypatch.setattr(module, "ray", ray)
    return clock


def epochs_of(
    clock: Clock, seconds: float, *, until: int = 10_000, then: Exception | None = None, size: int = 1
) -> Callable[..., Iterator[Progress]]:
    """In the place of ``run_trial``: epochs of so many seconds, and what is raised after one of them."""

    def run(config: TrialConfig, *_: Any, checkpoint: bytes | None, **__: Any) -> Iterator[Progress]:
        for epoch in range(1 if checkpoint is None else int(checkpoint) + 1, config.optimization.epochs + 1):
            clock.now += seconds
            state = str(epoch).zfill(size).encode()
            record = make_epoch(0.5, 0.5, epoch=epoch)
            yield Progress(record, lambda s=state: s, False, None, ModelSize(parameters=1, flops=1), False)  # type: ignore[misc]
            if then is not None and epoch == until:
                raise then

    return run


def begun(shared: Shared, epochs: int, slots: int = 1) -> TrialRunner:
    """A worker that has reported the start of its trial."""
    runner = TrialRunner.__new__(TrialRunner)
    trial = TRIAL.with_hyperparameters({"epochs": epochs})
    runner.setup({"trial": trial.model_dump_json(), "slots": slots}, shared)
    assert runner.step()["report"].start is not None
    return runner


@pytest.mark.parametrize(
    ("seconds", "slots", "together"), [(0.25, 1, 8), (0.25, 256, 21), (0.25, 1000, 80), (0.75, 1, 3), (2.5, 1, 1)]
)
def test_a_report_carries_all_epochs_of_two_seconds_or_of_more_where_many_trials_run(
    images: TrialData, tmp_path: Path, clock: Clock, seconds: float, slots: int, together: int
) -> None:
    store = CheckpointStore(str(tmp_path))
    shared = Shared(data=images, settings=Settings(), checkpoints=store, save_every=1e9, run=epochs_of(clock, seconds))
    told = list(steps(begun(shared, 90, slots)))
    counts = [len(report.records) for report in told]
    assert counts[0] == 1, "how long an epoch takes is said at once"
    assert set(counts[1:-1]) <= {together}
    assert counts[-1] == 89 - together * (len(counts) - 2), "the last report waits for nothing"
    assert [record.epoch for report in told for record in report.records] == list(range(1, 91))
    assert [report.end.state for report in told if report.end] == [TrialState.FINISHED]


def test_a_process_that_dies_before_its_report_takes_nothing_with_it_that_was_saved(
    images: TrialData, tmp_path: Path, clock: Clock
) -> None:
    store = CheckpointStore(str(tmp_path))
    shared = Shared(data=images, settings=Settings(), checkpoints=store, save_every=1.0, run=epochs_of(clock, 0.25))
    runner = begun(shared, 9)
    runner.step()
    second, _ = runner.step()["report"], runner.step()  # the driver has never heard of the third
    assert second.saved == 4, "a checkpoint is said at once"
    assert [record.epoch for record in second.records] == [2, 3, 4]
    rest = list(steps(make_runner(shared, TRIAL.with_hyperparameters({"epochs": 9}))))
    assert rest[0].start is not None
    assert [record.epoch for record in rest[0].start.records] == list(range(1, 9))
    assert [record.epoch for report in rest for record in report.records] == [9]


@pytest.mark.parametrize(
    "fault", [lambda: AttemptOutOfMemory("gone"), lambda: CardFault("GPU-0", "begun", "fell off the bus")]
)
def test_what_was_measured_before_a_fault_is_reported_and_the_half_trained_net_is_not_saved(
    images: TrialData, tmp_path: Path, clock: Clock, fault: Callable[[], Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = fault()
    exits: list[int] = []
    monkeypatch.setattr(worker, "os", SimpleNamespace(environ={}, _exit=exits.append))
    store, run = CheckpointStore(str(tmp_path)), epochs_of(clock, 0.25, until=3, then=error)
    runner = begun(Shared(data=images, settings=Settings(), checkpoints=store, run=run), 9)
    told = [runner.step()["report"] for _ in range(2)]
    assert [[record.epoch for record in report.records] for report in told] == [[1], [2, 3]]
    assert told[-1].end is None
    with pytest.raises(type(error)):
        runner.step()
    runner.cleanup()
    assert exits == [1] * isinstance(error, CardFault)
    assert not list(tmp_path.iterdir())
    assert runner.reset_config({"trial": TRIAL.model_dump_json()})
    assert runner.step()["report"].start is not None, "the fault was of that attempt"


def test_an_exception_ends_its_trial_with_every_epoch_before_it(
    images: TrialData, tmp_path: Path, clock: Clock
) -> None:
    store, run = CheckpointStore(str(tmp_path)), epochs_of(clock, 0.25, until=3, then=ZeroDivisionError())
    told = list(steps(begun(Shared(data=images, settings=Settings(), checkpoints=store, run=run), 9)))
    assert [[record.epoch for record in report.records] for report in told] == [[1], [2, 3]]
    assert [report.end.state for report in told if report.end] == [TrialState.FAILED]


@pytest.mark.parametrize("slots", [1, 4, 256])
def test_all_trials_together_write_no_more_than_a_modest_store_takes(
    images: TrialData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, slots: int
) -> None:
    """256 trials of 90 MB each would write 2.3 GB a second where each saves every ten seconds."""
    size, epochs = 1_000_000, 150
    monkeypatch.setattr(worker, "TRAFFIC", 10.0 * size)  # ten such checkpoints a second
    written: list[float] = []

    class Counting(CheckpointStore):
        def save(self, trial_id: str, epoch: int, data: bytes) -> None:
            assert len(data) >= size
            written.append(clock.now)

    run = epochs_of(clock, 1.0, size=size)
    store = Counting(str(tmp_path))
    shared = Shared(data=images, settings=Settings(), checkpoints=store, save_every=0.0, run=run)
    list(steps(begun(shared, epochs, slots)))
    steady = written[1:]  # before the first one nobody knows how large they are
    pauses = [after - before for before, after in pairwise(steady)]
    assert min(pauses) >= slots / 10
    assert max(pauses) <= max(1, slots / 10 + 1), "and not much rarer than that"
