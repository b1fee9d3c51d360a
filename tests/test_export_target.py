"""An export replaces nothing that was not meant: other files, other studies, files of our own."""

import sqlite3
from pathlib import Path

import optuna
import pytest
from small_study import small_study

from fitscape.study.errors import UserError
from fitscape.study.export import export
from fitscape.study.opened import OpenStudy, open_study


@pytest.fixture
def study(tmp_path: Path) -> OpenStudy:
    return open_study(small_study(tmp_path))


def names(file: Path) -> list[str]:
    return sorted(optuna.get_all_study_names(f"sqlite:///{file}"))


@pytest.mark.parametrize("name", ["out.json", "out.csv", "out.parquet", "out.db"])
@pytest.mark.parametrize("content", ["mine", ""])
def test_a_file_that_is_there_stays(study: OpenStudy, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=r"is there already \(name another file, or add --overwrite\)"):
        export(study, tmp_path / name)
    assert (tmp_path / name).read_text() == content


def test_a_link_to_nowhere_is_there_too(study: OpenStudy, tmp_path: Path) -> None:
    (tmp_path / "out.csv").symlink_to(tmp_path / "unmounted" / "out.csv")
    with pytest.raises(UserError, match="is there already"):
        export(study, tmp_path / "out.csv")


def test_a_second_study_joins_the_first_in_one_storage(study: OpenStudy, tmp_path: Path) -> None:
    export(study, tmp_path / "out.db")
    export(open_study(small_study(tmp_path, "other")), tmp_path / "out.db")
    assert names(tmp_path / "out.db") == ["other", "small"]
    assert len(optuna.load_study(study_name="other", storage=f"sqlite:///{tmp_path / 'out.db'}").trials) == 18


def test_it_joins_while_another_program_reads_and_writes(study: OpenStudy, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'team.db'}"
    theirs = optuna.create_study(study_name="theirs", storage=url)
    running = theirs.ask()
    export(study, tmp_path / "team.db")
    theirs.tell(running, 0.5)
    assert names(tmp_path / "team.db") == ["small", "theirs"]
    assert optuna.load_study(study_name="theirs", storage=url).best_value == 0.5


def test_a_study_of_the_same_name_is_refused(study: OpenStudy, tmp_path: Path) -> None:
    optuna.create_study(study_name="small", storage=f"sqlite:///{tmp_path / 'team.db'}").optimize(lambda _: 1.0, 1)
    for overwrite in (False, True):
        with pytest.raises(UserError, match=r"has a study 'small' already .*optuna delete-study"):
            export(study, tmp_path / "team.db", overwrite=overwrite)
    assert len(optuna.load_study(study_name="small", storage=f"sqlite:///{tmp_path / 'team.db'}").trials) == 1


def test_overwrite_renews_its_own_export_and_leaves_the_others(study: OpenStudy, tmp_path: Path) -> None:
    optuna.create_study(study_name="theirs", storage=f"sqlite:///{tmp_path / 'team.db'}")
    export(study, tmp_path / "team.db")
    export(study, tmp_path / "team.db", overwrite=True)
    assert names(tmp_path / "team.db") == ["small", "theirs"]


def test_a_failure_takes_the_study_out_again(study: OpenStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    optuna.create_study(study_name="theirs", storage=f"sqlite:///{tmp_path / 'team.db'}")

    def fail(self: optuna.Study, trials: object) -> None:
        raise optuna.exceptions.StorageInternalError("the disk is full")

    monkeypatch.setattr(optuna.Study, "add_trials", fail)
    with pytest.raises(UserError, match=r"team\.db: cannot be written: the disk is full"):
        export(study, tmp_path / "team.db")
    assert names(tmp_path / "team.db") == ["theirs"]


@pytest.mark.parametrize("name", ["ledger.db", "ledger.backup.db"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_ledger_is_never_a_target(study: OpenStudy, tmp_path: Path, name: str, overwrite: bool) -> None:
    target = study.folder / name
    study.ledger.backup(target) if name.startswith("ledger.b") else None
    for to in (target, tmp_path / "link.db"):
        if to != target:
            to.symlink_to(target)
        with pytest.raises(UserError, match="is a file of fitscape itself, which no export replaces"):
            export(study, to, overwrite=overwrite)
    assert len(open_study(study.folder).trials) == 18


def test_nor_is_any_other_file_that_fitscape_wrote(study: OpenStudy, tmp_path: Path) -> None:
    store = tmp_path / "tracking.db"
    with sqlite3.connect(store) as connection:
        connection.execute("CREATE TABLE experiments (x)")
        connection.execute("CREATE TABLE runs (x)")
    copy = study.ledger.backup(tmp_path / "copied.db")
    (study.folder / "report").mkdir()
    (study.folder / "report" / "findings.json").write_text("[]")
    for to in (store, copy, study.folder / "report" / "findings.json", tmp_path / "mlflow.db"):
        with pytest.raises(UserError, match="is a file of fitscape itself"):
            export(study, to, overwrite=True)


def test_a_table_may_lie_in_the_study_s_own_folder(study: OpenStudy) -> None:
    export(study, study.folder / "trials.csv")
    export(study, study.folder / "trials.csv", overwrite=True)


def test_a_database_of_another_program_stays(study: OpenStudy, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "photos.db") as connection:
        connection.execute("CREATE TABLE photos (x)")
    with pytest.raises(UserError, match="is there already"):
        export(study, tmp_path / "photos.db")
    with sqlite3.connect(tmp_path / "photos.db") as connection:
        assert connection.execute("SELECT count(*) FROM photos").fetchone() == (0,)


def test_a_folder_is_no_target(study: OpenStudy, tmp_path: Path) -> None:
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        export(study, tmp_path / "out.csv", overwrite=True)
