"""Bad input is refused before Ray starts, in one line."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from odd_trials import Heard

from fitscape.study import driver
from fitscape.study.config import StudyConfig
from fitscape.study.driver.folder import Folder, frozen
from fitscape.study.driver.lease import Lease
from fitscape.study.driver.preflight import first_look
from fitscape.study.errors import StudyLocked, UserError
from fitscape.study.ledger import Ledger, StudyLock
from fitscape.study.reading.document import dump


def study(**sections: Any) -> StudyConfig:
    return StudyConfig.model_validate({"name": "s", "search": {"trials": 2}, **sections})


@pytest.mark.parametrize(
    ("sections", "text"),
    [
        ({"resources": {"gpus_per_trial": 99}}, "resources.gpus_per_trial: a trial asks for 99 GPU"),
        ({"resources": {"cpus_per_trial": 9999}}, "a trial asks for 9999 CPU"),
        ({"data": {"dataset": "digitz"}}, "'digitz' is not a data set"),
        ({"data": {"dataset": "folder:/nowhere"}}, "/nowhere"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line_at_once(tmp_path: Path, sections: dict[str, Any], text: str) -> None:
    with pytest.raises(UserError) as caught:
        driver.run(study(**sections), tmp_path)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "s").exists(), "a refused study leaves nothing behind"


def test_an_existing_study_is_not_started_again(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    Ledger.create(tmp_path / "s" / "ledger.db", study(), {}).close()
    with pytest.raises(UserError, match=r"a study of this name exists .fitscape resume s"):
        driver.run(study(), tmp_path)


def test_a_second_driver_is_told_who_holds_the_study(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    code = "import sys, time; from pathlib import Path; from fitscape.study.ledger import StudyLock\n"
    code += "StudyLock(Path(sys.argv[1])).acquire(); print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "s")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StudyLocked, match=f"process {holder.pid}"):
            driver.run(study(), tmp_path)
    finally:
        holder.kill()
        holder.wait()


def test_a_missing_study_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no study is here"):
        driver.resume(tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_the_target_is_not_lowered_below_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    with Ledger.create(tmp_path / "s" / "ledger.db", study(), {}) as ledger:
        for seed in (1, 2):
            ledger.add_trial(study().base.with_hyperparameters({"seed": seed}), {}, "enqueue")
    with pytest.raises(UserError, match="--trials: 1 is fewer than the 2 trials"):
        driver.resume(tmp_path / "s", trials=1)


@pytest.mark.parametrize(("enabled", "told"), [(False, []), (True, ["early stopping was removed"])])
def test_a_study_with_stopping_is_gone_on_with_and_says_that_it_is_gone(
    tmp_path: Path, enabled: bool, told: list[str]
) -> None:
    folder, old = tmp_path / "s", {"enabled": enabled, "confidence": 0.98, "warmup_trials": 24, "audit_fraction": 0.1}
    folder.mkdir()
    with Ledger.create(folder / "ledger.db", study(), {}) as ledger:
        for seed in (1, 2):
            ledger.add_trial(study().base.with_hyperparameters({"seed": seed}), {}, "enqueue")
    (folder / "study.yaml").write_text(dump({**study().model_dump(mode="json"), "stopping": old}))
    heard = Heard()
    with pytest.raises(UserError, match="1 is fewer than"):  # far enough: the config was read
        driver.resume(folder, trials=1, observer=heard)
    assert [text.split(":")[0] for text in heard.messages] == told
    with sqlite3.connect(folder / "ledger.db") as connection:
        (text,) = connection.execute("SELECT config FROM study").fetchone()
        connection.execute("UPDATE study SET config = ?", (json.dumps({**json.loads(text), "stopping": old}),))
    assert Ledger.open(folder / "ledger.db", read_only=True).config == study()


def test_the_frozen_config_reads_back_equal_and_holds_no_secret(tmp_path: Path) -> None:
    from fitscape.study.reading import load_config

    config = study(space="quick", tracking={"uri": "https://ann:hunter2@mlflow.example:5000"})
    folder = Folder(tmp_path / "s")
    folder.make()
    folder.write_config(frozen(config))
    assert "hunter2" not in folder.config.read_text()
    assert load_config(folder.config) == frozen(config)
    assert isinstance(frozen(config).space, dict)


def test_a_root_in_rays_session_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    inside = tmp_path / "ray" / "session_1" / "runtime_resources" / "working_dir_files" / "x"
    bad = [finding for finding in first_look(study(), inside, address=None) if not finding.ok]
    assert [finding.fix for finding in bad] == ["set FITSCAPE_ROOT to a folder on a durable volume"]


def test_a_lock_is_free_again_after_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that comes once the lock is held: the storage is another study's."""

    def refuse(lease: Lease) -> None:
        with pytest.raises(StudyLocked):
            StudyLock(tmp_path / "s").acquire()
        raise UserError("is another study's")

    monkeypatch.setattr(Lease, "look", refuse)
    with pytest.raises(UserError, match="is another study's"):
        driver.run(study(space={"lr": {"low": 0.01, "high": 0.1, "log": True}}), tmp_path)
    StudyLock(tmp_path / "s").acquire().release()
