"""A storage that hiccups costs time, no trial and no epoch; a checkpoint is refused because of its content only."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_proxy import Answer, Call, FaultyProxy
from odd_trials import Heard, epochs_trained, seeds_study
from s3_server import S3Server

from fitscape.study import storage
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialState
from fitscape.study.scheduling import checkpoints, worker
from fitscape.study.scheduling.checkpoints import CheckpointStore, StorageLost, with_records
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.run_trials import Outcome
from fitscape.study.scheduling.worker import Shared, TrialRunner
from fitscape.study.storage import ATTEMPTS, read_storage, write_storage
from fitscape.study.training import Settings

TRIAL = TrialConfig(seed=1).with_hyperparameters({"epochs": 3})


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    server.make_bucket()
    yield server
    server.kill()


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(s3.port)
    yield proxy
    proxy.close()


def read(epoch: int, data: bytes) -> tuple[int, bytes]:
    """Accepts what starts with ``good``."""
    if not data.startswith(b"good"):
        raise ValueError("its checksum does not match")
    return epoch, data


def away(monkeypatch: pytest.MonkeyPatch, times: int, error: OSError | None = None) -> None:
    """The storage refuses so many times to be opened."""
    there, left = checkpoints.open_storage, [times]

    def open_storage(root: str) -> Any:
        if left[0]:
            left[0] -= 1
            raise error or OSError(5, "Input/output error")
        return there(root)

    monkeypatch.setattr(checkpoints, "open_storage", open_storage)


# pyarrow itself tries for about 8 s before it tells us, whatever the status is.
@pytest.mark.parametrize("status", [503, pytest.param(429, marks=pytest.mark.slow)])
def test_a_throttled_get_does_not_begin_a_trial_anew(s3: S3Server, proxy: FaultyProxy, status: int) -> None:
    store = CheckpointStore(s3.uri(f"throttled-{status}", port=proxy.port))
    store.save("t", 7, b"good 7")
    proxy.fault = lambda call: Answer(status) if call.method == "GET" and ".ckpt" in call.path and lefts() else None
    left = [ATTEMPTS + 1]

    def lefts() -> bool:
        left[0] -= 1
        return left[0] >= 0

    assert store.newest("t", read) == ((7, b"good 7"), [])


def slow(proxy: FaultyProxy, seconds: float, methods: tuple[str, ...]) -> list[str]:
    """The store takes that long to answer these; returns the requests, which grow."""
    asked: list[str] = []

    def fault(call: Call) -> None:
        if call.method in methods:
            asked.append(call.path)
            time.sleep(seconds)

    proxy.fault = fault
    return asked


def test_a_store_that_takes_four_seconds_to_take_a_file_is_waited_for(s3: S3Server, proxy: FaultyProxy) -> None:
    """pyarrow's own limit is 3 s: it would ask 31 times, and no checkpoint would ever be there."""
    there = s3.uri("slow", port=proxy.port)
    asked = slow(proxy, 4.0, ("PUT",))
    write_storage(there, "a", b"content")
    proxy.fault = lambda call: None
    assert read_storage(there, "a") == b"content"
    assert len([path for path in asked if "uploadId" in path]) == 1


def test_a_store_that_takes_four_seconds_to_give_a_file_is_waited_for(s3: S3Server, proxy: FaultyProxy) -> None:
    there = s3.uri("slow-reads", port=proxy.port)
    write_storage(there, "a", b"content")
    slow(proxy, 4.0, ("GET", "HEAD"))
    assert read_storage(there, "a") == b"content"


def test_a_store_that_never_answers_is_given_up(
    s3: S3Server, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "ANSWER_WITHIN", 1.0)
    monkeypatch.setattr(storage, "ATTEMPTS", 2)
    asked = slow(proxy, 30.0, ("PUT", "POST"))
    with pytest.raises(OSError, match="Timeout was reached"):
        CheckpointStore(s3.uri("never", port=proxy.port)).save("t", 1, b"good")
    assert len(asked) == 2


def test_a_storage_that_is_away_is_asked_again_and_signs_of_life_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(str(tmp_path))
    store.save("t", 1, b"good 1")
    away(monkeypatch, 2)
    signs: list[str] = []
    assert store.newest("t", read, waiting=lambda error: signs.append(str(error))) == ((1, b"good 1"), [])
    assert signs == ["[Errno 5] Input/output error"] * 2


def test_beyond_the_grace_nobody_pretends_that_there_is_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(str(tmp_path), grace=0.3)
    store.save("t", 1, b"good 1")
    away(monkeypatch, 10**6)
    with pytest.raises(StorageLost, match=r"has been out of reach for 0\.3 s: .*Input/output error"):
        store.newest("t", read)


def test_a_file_that_cannot_be_read_where_its_storage_answers_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(str(tmp_path), grace=0.3)
    for epoch in (1, 2):
        store.save("t", epoch, b"good %d" % epoch)
    sound = CheckpointStore._bytes

    def bad_sector(self: CheckpointStore, trial_id: str, epoch: int) -> bytes:
        if epoch == 2:
            raise OSError(5, "Input/output error")
        return sound(self, trial_id, epoch)

    monkeypatch.setattr(CheckpointStore, "_bytes", bad_sector)
    found, refused = store.newest("t", read)
    assert found == (1, b"good 1")
    assert refused == ["trial t: checkpoint of epoch 2 is not used ([Errno 5] Input/output error)"]


def test_refused_checkpoints_of_later_epochs_are_removed_before_new_ones(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path))
    for epoch in (29, 30):
        store.save("t", epoch, b"of other data")
    assert store.newest("t", read)[0] is None
    for epoch in range(1, 29):
        store.save("t", epoch, b"good %d" % epoch)
        assert CheckpointStore(str(tmp_path)).newest("t", read)[0] == (epoch, b"good %d" % epoch)
    assert sorted(file.name for file in (tmp_path / "t").iterdir()) == ["000027.ckpt", "000028.ckpt"]


def make_runner(store: CheckpointStore, images: TrialData, **given: Any) -> TrialRunner:
    runner = TrialRunner.__new__(TrialRunner)
    shared = Shared(data=images, settings=Settings(), checkpoints=store, **given)
    runner.setup({"trial": TRIAL.model_dump_json()}, shared)
    return runner


def test_the_watchdog_of_a_trial_gives_its_storage_the_grace(
    cluster: Cluster, images: TrialData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A storage that takes longer than ``trial_timeout`` for a checkpoint costs time, and no trial."""
    armed: list[float] = []
    ahead: list[float] = []
    monkeypatch.setattr(worker.faulthandler, "dump_traceback_later", lambda timeout, **_: armed.append(timeout))
    monkeypatch.setattr(worker.Pulse, "beat", lambda _, seconds=0.0: ahead.append(seconds))
    monkeypatch.setattr(CheckpointStore, "save", lambda *_: armed.append(-1.0))
    runner = make_runner(CheckpointStore(str(tmp_path), grace=40.0), images, timeout=7.0, save_every=0.0)
    while -1.0 not in armed:
        runner.step()
    assert armed[armed.index(-1.0) - 1] == 47.0
    assert 40.0 in ahead


def test_a_trial_whose_storage_is_lost_at_its_start_has_not_failed(
    cluster: Cluster, images: TrialData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(monkeypatch, 10**6)
    result = make_runner(CheckpointStore(str(tmp_path), grace=0.2), images).step()
    assert result["done"]
    assert result["report"].end is None
    assert "has been out of reach for 0.2 s" in result["report"].cannot_go_on


def test_a_checkpoint_of_other_code_is_a_notice_and_a_new_start(
    cluster: Cluster, images: TrialData, tmp_path: Path
) -> None:
    from hand_made import make_epoch

    store = CheckpointStore(str(tmp_path))
    store.save(TRIAL.trial_id, 2, with_records([make_epoch(0.5, 0.5, epoch=2)], b"state"))

    def other_code(*_: Any, checkpoint: bytes | None, **__: Any) -> Iterator[Any]:
        if checkpoint is not None:
            raise RuntimeError("Missing key(s) in state_dict: stem.weight")
        return iter(())

    report = make_runner(store, images, run=other_code).step()["report"]
    assert report.end is None
    assert report.start.epoch == 0
    (notice,) = report.notices
    assert "checkpoint of epoch 2 is not used (it does not fit: RuntimeError: Missing key(s)" in notice


def test_a_time_limit_beyond_any_clock_is_no_limit(cluster: Cluster, images: TrialData, tmp_path: Path) -> None:
    runner = make_runner(CheckpointStore(str(tmp_path)), images, timeout=1e10, run=lambda *_, **__: iter(()))
    assert runner.step()["report"].end is None


def test_a_lost_storage_interrupts_the_study_and_a_resume_runs_every_trial(
    run_study: Callable[..., Outcome], tmp_path: Path
) -> None:
    config = seeds_study(list(range(4)), epochs=2)
    blocked = tmp_path / "loop"
    blocked.symlink_to(blocked)  # to open it is an error that may pass
    heard = Heard()
    first = run_study(tmp_path, config, observer=heard, checkpoints=CheckpointStore(str(blocked), grace=1.0))
    assert "has been out of reach for 1 s" in first.interrupted
    assert first.counts[TrialState.FAILED] == 0
    assert first.counts[TrialState.RUNNING] == 0
    second = run_study(tmp_path, config)
    assert second.counts[TrialState.FINISHED] == 4
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert [epochs_trained(tmp_path, trial.trial_id) for trial in ledger.trials()] == [[1, 2]] * 4
