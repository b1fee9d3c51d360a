"""A folder that holds somebody else's files is refused before anything is written; nothing of it is ever removed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fitscape.study import driver
from fitscape.study.config import StudyConfig
from fitscape.study.driver.folder import Folder
from fitscape.study.driver.ownership import require_free
from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger, StudyLock

CONFIG = StudyConfig.model_validate({"name": "mine", "search": {"trials": 2}})


def weights(folder: Path) -> None:
    file = folder / "checkpoints" / "epoch_10" / "best.pt"
    file.parent.mkdir(parents=True)
    file.write_text("weights")


def own_study_yaml(folder: Path) -> None:
    (folder / "study.yaml").write_text("my: config")


def frozen_study_yaml(folder: Path) -> None:
    (folder / "study.yaml").write_text("# Frozen by fitscape.\nname: mine # my own remark")


def hidden_file(folder: Path) -> None:
    (folder / ".notes").write_text("mine")


def lock_of_another_program(folder: Path) -> None:
    (folder / "lock").write_text("conda")


def named_like_a_trial(folder: Path) -> None:
    (folder / "checkpoints" / "0123456789ab").mkdir(parents=True)
    (folder / "checkpoints" / "0123456789ab" / "best.pt").write_text("weights")


def partial_of_a_file_of_their_own(folder: Path) -> None:
    (folder / "thesis.pdf.partial").write_text("mine")


def subfolder(folder: Path) -> None:
    (folder / "report").mkdir()
    (folder / "report" / "thesis.tex").write_text("mine")


FOREIGN = (
    weights,
    own_study_yaml,
    frozen_study_yaml,
    hidden_file,
    lock_of_another_program,
    named_like_a_trial,
    partial_of_a_file_of_their_own,
    subfolder,
)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("put", FOREIGN)
def test_a_folder_of_the_user_s_own_is_refused_and_left_as_it_was(tmp_path: Path, put: Callable[[Path], None]) -> None:
    (tmp_path / "mine").mkdir()
    put(tmp_path / "mine")
    before = contents(tmp_path)
    with pytest.raises(UserError, match=r"mine: holds .*, which no study of fitscape wrote \(choose another --name"):
        driver.run(CONFIG, tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("put", FOREIGN)
def test_so_is_a_place_on_shared_storage(tmp_path: Path, put: Callable[[Path], None]) -> None:
    (tmp_path / "storage" / "mine").mkdir(parents=True)
    put(tmp_path / "storage" / "mine")
    before = contents(tmp_path)
    with pytest.raises(UserError, match="storage/mine: holds "):
        driver.run(CONFIG, tmp_path / "runs", storage=str(tmp_path / "storage"))
    assert contents(tmp_path) == before


def test_a_symbolic_link_to_a_folder_of_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    own_study_yaml(tmp_path / "project")
    (tmp_path / "mine").symlink_to(tmp_path / "project")
    with pytest.raises(UserError, match=r"holds study\.yaml"):
        driver.run(CONFIG, tmp_path)


def test_what_a_killed_driver_leaves_before_its_first_trial_is_no_obstacle(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "mine")
    require_free(folder)
    folder.make()
    lock = StudyLock(folder.path).acquire()
    os.close(lock._descriptor or 0)  # as the kernel does, without writing that nobody holds it
    folder.ledger.touch()
    (folder.path / f"probe-{'0' * 32}").touch()
    kept = Path(folder.checkpoints) / "0123456789ab" / "000002.ckpt"
    kept.parent.mkdir(parents=True)
    kept.touch()
    for name in (
        ".study.yaml.12.34.partial",
        ".ledger.db.12.34.partial",
        "ledger.backup.db.partial",
        "owner.json.partial",
    ):
        (folder.path / name).touch()
    require_free(folder)


def test_the_backup_of_a_lost_ledger_is_not_replaced_by_a_new_study(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    folder = Folder(tmp_path / "mine")
    with Ledger.create(folder.ledger, CONFIG, {}) as ledger:
        ledger.backup(folder.backup)
    folder.ledger.unlink()
    with pytest.raises(UserError, match=r"a backup of a study of this name exists \(fitscape resume mine"):
        driver.run(CONFIG, tmp_path)
