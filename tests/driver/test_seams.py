"""Signals, full disks and kills at the driver's own seams, without Ray."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow_server import free_port
from odd_trials import Heard
from studies_by_hand import new_ledger, run_by_hand, wait_until

from fitscape.study import driver
from fitscape.study.config import StudyConfig
from fitscape.study.driver import backups, run_study, start
from fitscape.study.driver.backups import Upkeep
from fitscape.study.driver.folder import Folder, frozen
from fitscape.study.driver.lease import Lease
from fitscape.study.driver.start import _config_in, _same_study
from fitscape.study.driver.starting_weights import Pinned
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.files import BACKUP
from fitscape.study.ledger import Ledger, StudyLock
from fitscape.study.records import TrialState
from fitscape.study.scheduling.aside import Aside
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.events import Event, MlflowBehind, ignore
from fitscape.study.scheduling.interruption import Interruption

SMALL = {"search": {"trials": 24}, "space": {"lr": {"low": 0.01, "high": 0.1, "log": True}}}


class SignalledStart:
    """A Ray in whose start Ctrl-C comes; a callback of Ray's would swallow a KeyboardInterrupt."""

    local = True

    def __init__(self, address: str | None) -> None:
        self.closed = False

    def __enter__(self) -> "SignalledStart":
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        except KeyboardInterrupt:
            pass
        return self

    def close(self) -> None:
        self.closed = True


def test_ctrl_c_during_rays_start_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_study, "Cluster", SignalledStart)
    monkeypatch.setattr(run_study, "prepare", lambda *_, **__: None)
    code = driver.run(StudyConfig(name="s", **SMALL), tmp_path)
    assert code == ExitCode.INTERRUPTED
    assert not (tmp_path / "s" / "ledger.db").exists()
    StudyLock(tmp_path / "s").acquire().release()


def test_ctrl_c_while_shipping_ends_the_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study that lacks no trial, and an MLflow that answers nothing."""
    hung = socket.create_server(("127.0.0.1", 0))
    folder = tmp_path / "by-hand"
    folder.mkdir()
    config = StudyConfig(
        name="by-hand", search={"trials": 1}, tracking={"uri": f"http://127.0.0.1:{hung.getsockname()[1]}"}
    )
    with Ledger.create(
        folder / "ledger.db", frozen(config), {"data": {"classes": ["a"]}, "chance_error": 0.5}
    ) as ledger:
        run_by_hand(ledger)
    heard = Heard()
    monkeypatch.setattr(run_study, "SHIP_WITHIN", 10_000.0)
    close = run_study.Shipper.close

    def close_and_press(*given: Any, **named: Any) -> Any:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        return close(*given, **named)

    monkeypatch.setattr(run_study.Shipper, "close", close_and_press)
    assert driver.resume(folder, observer=heard) == ExitCode.INTERRUPTED
    assert any("fitscape sync by-hand" in text for text in heard.messages), heard.messages
    hung.close()


def test_a_storage_out_of_reach_at_the_start_is_one_line_and_leaves_nothing_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_study, "Cluster", SignalledStart)
    away = f"s3://key:secret@bucket/runs?scheme=http&endpoint_override=127.0.0.1%3A{free_port()}&region=us-east-1"
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(UserError) as caught:
        driver.run(StudyConfig(name="s", **SMALL), tmp_path, storage=away)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(set(os.listdir("/proc/self/fd")) - before) <= 2
    (tmp_path / "s").mkdir(exist_ok=True)
    StudyLock(tmp_path / "s").acquire().release()


def test_a_disk_without_room_for_the_locks_holder_leaks_no_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(UserError, match="No space left on device"):
        driver.run(StudyConfig(name="s", **SMALL), tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
    monkeypatch.undo()
    StudyLock(tmp_path / "s").acquire().release()


class OtherData:
    def summary(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Folder, StudyConfig]:
    """A study of 24 trials whose target is to become 50; the folder, and the new config."""
    monkeypatch.setattr(start, "provenance", lambda *_: {"data_fingerprint": "1"})
    config = frozen(StudyConfig(name="s", **SMALL))
    folder = Folder(tmp_path / "s")
    folder.make()
    folder.write_config(config)
    Ledger.create(folder.ledger, config, {"data_fingerprint": "1"}).close()
    return folder, config.model_copy(update={"search": config.search.model_copy(update={"trials": 50})})


@pytest.mark.parametrize("dies", ["amend", "write_config"])
def test_a_kill_between_the_ledger_and_the_file_lowers_no_target(
    raised: tuple[Folder, StudyConfig], monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    folder, config = raised

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    monkeypatch.setattr(Ledger if dies == "amend" else Folder, dies, die)
    with Ledger.open(folder.ledger) as ledger, pytest.raises(Killed):
        _same_study(folder, ledger, Pinned(config), OtherData(), frozenset())  # type: ignore[arg-type]
    monkeypatch.undo()
    monkeypatch.setattr(start, "provenance", lambda *_: {"data_fingerprint": "1"})
    with Ledger.open(folder.ledger) as ledger:
        now = _config_in(folder, ledger, None, None, Aside(ignore))
        _same_study(folder, ledger, Pinned(now), OtherData(), frozenset())  # type: ignore[arg-type]
        assert now.search.trials == ledger.config.search.trials


def test_what_a_driver_of_0_1_0_left_between_the_ledger_and_the_file_goes_on(
    raised: tuple[Folder, StudyConfig],
) -> None:
    folder, config = raised
    with Ledger.open(folder.ledger) as ledger:
        ledger.amend(config, {"data_fingerprint": "1"})  # and died before the file
        assert _config_in(folder, ledger, None, None, Aside(ignore)).search.trials == 50


def test_partials_of_killed_drivers_are_swept(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "by-hand")
    folder.make()
    left = folder.path / f".{BACKUP}.1.2.partial"
    left.write_bytes(b"57 MiB")
    with new_ledger(folder.path) as ledger:
        Upkeep(folder, ledger, StudyConfig(name="by-hand"), Aside(Heard()), Lease(folder, Interruption())).close()
    assert not left.exists()
    assert (folder.path / BACKUP).is_file()


def test_a_thread_of_the_backups_that_dies_says_so_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "BACKLOG_EVERY", 0.05)
    monkeypatch.setattr(backups, "FIRST_BACKUP", 0.0)
    folder = Folder(tmp_path / "by-hand")
    folder.make()
    faults = [ArithmeticError("odd")]

    class Told(Heard):
        def say(self, text: str) -> None:
            self.messages.append(text)

        def __call__(self, event: Event) -> None:
            if isinstance(event, MlflowBehind) and faults:
                raise faults.pop()

    told = Told()  # in the place of one that stands aside: what it raises is not caught
    with new_ledger(folder.path) as ledger:
        upkeep = Upkeep(folder, ledger, StudyConfig(name="by-hand"), told, Lease(folder, Interruption()))
        wait_until(lambda: (folder.path / BACKUP).is_file(), 20)
        upkeep.close()
    assert told.messages == ["the thread of the backups stopped: ArithmeticError: odd; it starts again"]


TOKEN = """
import os, tempfile, sys
sys.modules.pop("ray", None)
from fitscape.study.scheduling.authentication import require_token
before = set(os.listdir(tempfile.gettempdir()))
require_token()
print(set(os.listdir(tempfile.gettempdir())) - before, len(os.environ["RAY_AUTH_TOKEN"]))
"""


def test_a_home_that_cannot_be_written_leaves_no_token_in_the_temporary_folder(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
    environment |= {
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "TMPDIR": str(tmp_path),
    }
    ran = subprocess.run([sys.executable, "-c", TOKEN], env=environment, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "set() 64\n", ran.stderr


def test_a_driver_killed_after_its_last_trials_end_leaves_no_checkpoint_for_good(tmp_path: Path) -> None:
    folder = tmp_path / "by-hand"
    folder.mkdir()
    config = StudyConfig(name="by-hand", search={"trials": 1})
    provenance = {"data": {"classes": ["a", "b"]}, "chance_error": 0.5}
    with Ledger.create(folder / "ledger.db", frozen(config), provenance) as ledger:
        ended = run_by_hand(ledger)
    CheckpointStore(str(folder / "checkpoints")).save(ended, 2, b"state")
    assert driver.resume(folder) == ExitCode.DONE
    assert not list((folder / "checkpoints").rglob("*.ckpt"))


@pytest.fixture
def trials_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study that lacks nothing but its report, and an MLflow that is not there."""
    folder = tmp_path / "by-hand"
    folder.mkdir()
    monkeypatch.setattr(run_study, "SHIP_WITHIN", 0.1)
    config = StudyConfig(name="by-hand", search={"trials": 2}, tracking={"uri": f"http://127.0.0.1:{free_port()}"})
    provenance = {"data": {"classes": ["a", "b"]}, "chance_error": 0.5}
    with Ledger.create(folder / "ledger.db", frozen(config), provenance) as ledger:
        for seed in (0, 1):
            run_by_hand(ledger, seed=seed)
    return folder


def test_a_report_that_fails_has_an_exit_code_of_its_own(trials_done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Path:
        raise ArithmeticError("a singular matrix")

    heard = Heard()
    with monkeypatch.context() as broken:
        broken.setattr("fitscape.study.report.build", fail)
        assert driver.resume(trials_done, observer=heard) == ExitCode.REPORT_FAILED == 4
    told = f"no report: a singular matrix (fitscape report {trials_done} tries again)"
    assert told in heard.messages
    assert driver.resume(trials_done) == ExitCode.DONE, "the next one makes it"
    assert (trials_done / "report" / "index.html").is_file()


def test_failed_trials_weigh_more_than_a_failed_report(trials_done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitscape.study.report.build", lambda *_: 1 / 0)
    with Ledger.open(trials_done / "ledger.db") as ledger:
        run_by_hand(ledger, seed=2, end=TrialState.FAILED)
    assert driver.resume(trials_done) == ExitCode.TRIALS_FAILED


def test_the_labels_of_every_trial_are_kept_in_the_ledger(trials_done: Path) -> None:
    assert driver.resume(trials_done) == ExitCode.DONE
    with Ledger.open(trials_done / "ledger.db", read_only=True) as ledger:
        thresholds = ledger.config.regimes
        labels = ledger.labels(version=thresholds.version, tau=thresholds.tau)
        assert {label.trial_id for label in labels} == {trial.trial_id for trial in ledger.trials()}
