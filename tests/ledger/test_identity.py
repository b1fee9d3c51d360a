"""A ledger as one file: what a copy of it holds, whose it is, and that reading it writes nothing."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from small_study import small_study

from fitscape.study.cli.summary import lines, summarize
from fitscape.study.config import StudyConfig
from fitscape.study.ledger import RUNNING, Ledger, StudyLock, holder, settle_in
from fitscape.study.ledger.identity import PLACE
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState

CONFIG = StudyConfig(name="s")
FILE = "ledger.db"


def ended(ledger: Ledger, seed: int) -> None:
    trial = ledger.add_trial(CONFIG.base.with_hyperparameters({"seed": seed}), {"seed": seed}, "enqueue")
    ledger.start_attempt(trial.trial_id, "here", "cpu")
    ledger.end_trial(trial.trial_id, TrialState.FINISHED)


def new(folder: Path, trials: int = 3) -> Ledger:
    folder.mkdir(exist_ok=True)
    ledger = Ledger.create(folder / FILE, CONFIG, {})
    settle_in(ledger)
    for seed in range(trials):
        ended(ledger, seed)
    return ledger


def copied(source: Path, to: Path, *endings: str) -> Path:
    to.mkdir()
    for ending in ("", *endings):
        shutil.copy(source / f"{FILE}{ending}", to / f"{FILE}{ending}")
    return to / FILE


def test_the_file_alone_holds_every_ended_trial_while_the_study_runs(tmp_path: Path) -> None:
    with new(tmp_path / "s"):
        copy = copied(tmp_path / "s", tmp_path / "copy")
        with Ledger.open(copy, read_only=True) as ledger:
            assert ledger.counts()[TrialState.FINISHED] == 3


def test_an_orderly_end_leaves_one_file(tmp_path: Path) -> None:
    new(tmp_path / "s").close()
    assert [file.name for file in (tmp_path / "s").iterdir()] == [FILE]
    with Ledger.open(tmp_path / "s" / FILE) as ledger:
        ended(ledger, 9)
    assert [file.name for file in (tmp_path / "s").iterdir()] == [FILE]


def test_a_reader_in_the_way_delays_no_end(tmp_path: Path) -> None:
    ledger = new(tmp_path / "s")
    with Ledger.open(tmp_path / "s" / FILE, read_only=True) as reader, reader._database.read() as connection:
        connection.execute("SELECT * FROM trials").fetchone()
        ended(ledger, 7)
        ledger.close()
    with Ledger.open(tmp_path / "s" / FILE, read_only=True) as reader:
        assert reader.counts()[TrialState.FINISHED] == 4


def test_a_copy_beside_its_original_is_a_study_of_its_own(tmp_path: Path) -> None:
    with new(tmp_path / "s") as ledger:
        ledger.advance("mlflow sqlite:///x fitscape", 5)
        ledger.set_meta("mlflow sqlite:///x fitscape parent", {"run_id": "r"})
        uid = ledger.uid
    with Ledger.open(copied(tmp_path / "s", tmp_path / "copy")) as copy:
        assert settle_in(copy) == tmp_path / "s"
        assert copy.uid != uid
        assert copy.cursor("mlflow sqlite:///x fitscape") == 0
        assert copy.get_meta("mlflow sqlite:///x fitscape parent") is None
        assert copy.notes("copied")[0].body == {"uid": uid, "path": str(tmp_path / "s" / FILE)}
        assert settle_in(copy) is None, "once"
    with Ledger.open(tmp_path / "s" / FILE) as ledger:
        assert settle_in(ledger) is None
        assert ledger.uid == uid


def test_a_study_that_was_moved_or_restored_keeps_its_uid(tmp_path: Path) -> None:
    with new(tmp_path / "s") as ledger:
        uid = ledger.uid
    (tmp_path / "s").rename(tmp_path / "moved")
    with Ledger.open(tmp_path / "moved" / FILE) as ledger:
        assert settle_in(ledger) is None
        assert ledger.uid == uid
        ledger.set_meta(PLACE, {"host": "another", "path": str(tmp_path / "elsewhere"), "inode": 1})
        assert settle_in(ledger) is None
        assert ledger.get_meta(PLACE)["path"] == str(tmp_path / "moved" / FILE)


def test_one_file_by_two_names_is_no_copy(tmp_path: Path) -> None:
    new(tmp_path / "s").close()
    (tmp_path / "link").symlink_to(tmp_path / "s")
    with Ledger.open(tmp_path / "link" / FILE) as ledger:
        assert settle_in(ledger) is None


def test_a_copy_of_a_ledger_of_the_first_release_is_known_by_its_folder_s_name(tmp_path: Path) -> None:
    with new(tmp_path / "s") as ledger, ledger._database.write() as connection:
        connection.execute("DELETE FROM meta")
    with Ledger.open(copied(tmp_path / "s", tmp_path / "copy")) as copy:
        assert settle_in(copy) == tmp_path / "s"


def test_a_copy_without_its_log_is_not_taken_for_whole(tmp_path: Path) -> None:
    folder = small_study(tmp_path)
    ledger = Ledger.open(folder / FILE)
    ledger.set_meta(RUNNING, {"host": "here", "pid": 1})
    ledger._database.checkpoint()
    copied(folder, tmp_path / "copy")
    with StudyLock(folder):
        assert summarize(open_study(folder))["warning"] is None, "its driver runs"
    assert summarize(open_study(folder))["warning"] is None, "its driver was killed, and the log is there"
    summary = summarize(open_study(tmp_path / "copy"))
    assert "ledger.db-wal" in summary["warning"]
    assert any(line.startswith("WARNING  this ledger was copied while its study ran") for line in lines(summary))
    ledger.close()


AS_NOBODY = """
import os, sys
from pathlib import Path
from fitscape.study.ledger import Ledger, holder
with Ledger.open(Path(sys.argv[2]), read_only=True) as other:  # so that all is imported that nobody may not read
    other.trials()
os.setgid(65534); os.setuid(65534)
folder = Path(sys.argv[1])
with Ledger.open(folder / "ledger.db", read_only=True) as ledger:
    print(len(ledger.trials()), holder(folder))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize("log", ["none", "with a log", "in WAL mode without a log"])
def test_a_study_that_cannot_be_written_is_read(tmp_path: Path, log: str) -> None:
    ledger = new(tmp_path / "s")
    (tmp_path / "s" / "lock").write_text("")
    if log == "none":
        ledger.close()
        archived = tmp_path / "s"
    else:
        copied(tmp_path / "s", tmp_path / "archive", *(["-wal"] if log == "with a log" else []))
        archived = tmp_path / "archive"
    before = sorted(file.name for file in archived.iterdir())
    for path in (archived, *archived.parents):
        if path.is_relative_to(tempfile.gettempdir()) and path != Path(tempfile.gettempdir()):
            path.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, archived, new(tmp_path / "other").path],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert ran.stdout == "3 None\n", ran.stderr
    assert sorted(file.name for file in archived.iterdir()) == before


def test_looking_who_holds_a_study_needs_no_right_to_write(tmp_path: Path) -> None:
    with StudyLock(tmp_path):
        (tmp_path / "lock").chmod(0o444)
        found = holder(tmp_path)
        assert found is not None
        assert found.pid == os.getpid()
    assert holder(tmp_path) is None
