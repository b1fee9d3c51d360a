"""Where a study's files lie, and how a whole file is put there."""

from pathlib import Path

import pytest

from fitscape.study.files import PARTIAL, StudyFolder, whole_file, write_whole


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    to = tmp_path / "study.yaml"
    to.write_text("old")
    with whole_file(to) as partial:
        partial.write_text("new")
        assert to.read_text() == "old"
        assert partial.name.endswith(PARTIAL)
    assert to.read_text() == "new"
    assert list(tmp_path.iterdir()) == [to]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    to = tmp_path / "study.yaml"
    to.write_text("old")

    def fail() -> None:
        with whole_file(to, durable=True) as partial:
            partial.write_text("half")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        fail()
    assert to.read_text() == "old"
    assert list(tmp_path.iterdir()) == [to]


def test_text_is_written_as_utf8(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "η = 0.1\n", durable=True)
    assert (tmp_path / "a").read_bytes() == "η = 0.1\n".encode()


def test_the_names_of_a_study_s_files(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "s")
    names = {file.name for file in (folder.ledger, folder.backup, folder.config, folder.lock, folder.report)}
    assert names == {"ledger.db", "ledger.backup.db", "study.yaml", "lock", "report"}
    assert folder.figures == folder.report / "figures"


def test_the_names_are_spelt_in_one_module() -> None:
    """Prose may name a file; code takes its name from study/files.py."""
    source = Path(__file__).parents[1] / "study"
    spelt = [
        f"{file.relative_to(source)}: {name}"
        for file in source.rglob("*.py")
        if file.name != "files.py"
        for name in ("ledger.db", "ledger.backup.db", "mlflow.db", "study.yaml", "index.html", "findings.json")
        for quoted in (f'"{name}"', f"'{name}'", f'/{name}"')
        if quoted in file.read_text()
    ]
    assert spelt == []
