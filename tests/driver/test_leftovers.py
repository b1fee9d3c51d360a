"""What ``gc`` and ``delete`` find, and what they leave alone."""

import json
import os
import socket
import tempfile
from pathlib import Path

import pytest
from small_study import small_study

from fitscape.study.data import unused
from fitscape.study.driver.deletion import delete
from fitscape.study.driver.leftovers import leftovers, remove
from fitscape.study.errors import StudyLocked
from fitscape.study.ledger import Ledger, StudyLock
from fitscape.study.records import TrialState
from fitscape.study.scheduling import ray_folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runs folder, with a data folder and a folder for Ray of its own."""
    monkeypatch.setenv("FITSCAPE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp/ray").mkdir(parents=True)
    return tmp_path / "runs"


def trial(folder: Path, state: TrialState) -> str:
    with Ledger.open(folder / "ledger.db", read_only=True) as ledger:
        return next(t.trial_id for t in ledger.trials(epochs=()) if t.state is state)


def checkpoint(folder: Path, trial_id: str, name: str = "000002.ckpt") -> Path:
    file = folder / "checkpoints" / trial_id / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * 1000)
    return file


def test_checkpoints_of_ended_trials_go_and_those_of_others_stay(root: Path) -> None:
    folder = small_study(root)
    old = checkpoint(folder, trial(folder, TrialState.FINISHED))
    needed = checkpoint(folder, trial(folder, TrialState.PENDING))
    foreign = checkpoint(folder, trial(folder, TrialState.FAILED), "notes.txt")
    unknown = checkpoint(folder, "f" * 12)
    (found,) = leftovers(root)
    assert (found.path, found.bytes) == (old.parent, 1000)
    assert remove(found) == ""
    assert not old.exists()
    assert all(file.exists() for file in (needed, foreign, unknown))


def test_nothing_of_a_study_that_runs_goes(root: Path) -> None:
    folder = small_study(root)
    old = checkpoint(folder, trial(folder, TrialState.FINISHED))
    (found,) = leftovers(root)
    with StudyLock(folder):
        assert list(leftovers(root)) == []
        assert "stays: " in remove(found)
    assert old.exists()


def prepared(folder: Path, name: str, fingerprint: str, age: float = 2 * unused.SETTLED) -> Path:
    place = folder / "prepared" / name
    place.mkdir(parents=True)
    for file in ("trial.pt", "test.pt"):
        (place / file).write_bytes(b"x" * 500)
    facts = place / "facts.json"
    facts.write_text(json.dumps({"fingerprint": fingerprint, "sha256": {}}))
    then = facts.stat().st_mtime - age
    os.utime(facts, (then, then))
    return place


def test_prepared_data_go_where_no_study_has_their_fingerprint(root: Path, tmp_path: Path) -> None:
    small_study(root)
    data = tmp_path / "data"
    old = prepared(data, "digits-0123456789abcdef", "another")
    prepared(data, "digits-0123456789abcde0", "abc123")  # this study's
    prepared(data, "digits-0123456789abcde1", "another", age=0)  # of a study that is just beginning
    prepared(data, "pets", "another")  # not our name
    (prepared(data, "digits-0123456789abcde2", "another") / "mine.txt").write_text("")
    (tmp_path / "elsewhere").mkdir()
    (data / "prepared/digits-0123456789abcde3").symlink_to(tmp_path / "elsewhere")
    assert [found.path for found in leftovers(root)] == [old]


def test_images_unpacked_from_a_hugging_face_data_set_go_once_nobody_reads_them(root: Path, tmp_path: Path) -> None:
    def unpacked(name: str, *files: str, age: float = 2 * unused.SETTLED) -> Path:
        place = tmp_path / "data/unpacked" / name
        for file in files:
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_bytes(b"x" * 500)
        for path in (*place.rglob("*"), place):
            os.utime(path, (path.stat().st_mtime - age,) * 2)
        return place

    old = unpacked("0123456789abcdef", "0000/0000000", "0001/0000012", "0001/.0000013.4.5.partial")
    unpacked("0123456789abcde0", "0000/0000000", age=0)  # of a study that is just beginning
    unpacked("0123456789abcde1", "0000/0000000", "notes.txt")
    unpacked("photos", "0000/0000000")
    (found,) = leftovers(root)
    assert (found.path, found.bytes) == (old, 1500)
    assert remove(found) == ""
    assert not old.exists()


def test_prepared_data_stay_while_a_ledger_cannot_be_read(root: Path, tmp_path: Path) -> None:
    prepared(tmp_path / "data", "digits-0123456789abcdef", "another")
    (root / "broken").mkdir(parents=True)
    (root / "broken/ledger.db").write_bytes(b"no database" * 100)
    assert list(leftovers(root)) == []


def test_a_session_of_ray_goes_once_its_driver_of_ours_is_gone() -> None:
    with tempfile.TemporaryDirectory() as short, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", short)
        ours, foreign, alive = (Path(short) / "ray" / f"session_{k}_0" for k in range(3))
        for folder in (ours, foreign, alive):
            (folder / "sockets").mkdir(parents=True)
        sign, other = ray_folder.marked(ours), ray_folder.marked(alive)
        assert sign is not None
        assert other is not None
        assert list(ray_folder.abandoned()) == []
        sign.release()
        other.release()
        with socket.socket(socket.AF_UNIX) as raylet:  # of a driver that was killed a second ago
            raylet.bind(str(alive / "sockets/raylet"))
            raylet.listen()
            assert list(ray_folder.abandoned()) == [ours]


def test_delete_removes_what_a_study_wrote_and_names_what_it_did_not(root: Path) -> None:
    folder = small_study(root)
    checkpoint(folder, trial(folder, TrialState.PENDING))
    for name in ("study.yaml", "study.log", "study.log.2", "ledger.backup.db", "left-out.txt", "report/index.html"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    for name in ("models/0123456789ab/MLmodel", "nets/0123456789ab/weights.safetensors"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("x")
    with StudyLock(folder), pytest.raises(StudyLocked):
        delete(folder)
    (folder / "notes").mkdir()
    mine = folder / "notes/study.log"
    mine.write_text("mine")
    assert delete(folder) == [mine]
    assert [p for p in folder.rglob("*") if p.is_file()] == [mine]
    mine.unlink()
    assert delete(folder) == []
    assert not folder.exists()
