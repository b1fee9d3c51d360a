"""What is looked at before a study starts, and that looking is quick."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fitscape.study.scheduling.cards import LOGICAL

HEAVY = "torch", "mlflow", "ray", "pandas"  # each takes up to seconds to import

LOOKING = """
import os
import time
from pathlib import Path
from fitscape.study.scheduling.cluster import Cluster

with Cluster(cpus=1, warm=False):
    time.sleep(1)  # a worker would be there by now, if only as a process
    for folder in Path("/proc").iterdir():
        try:
            if (folder / "stat").read_text().rpartition(")")[2].split()[3] == str(os.getsid(0)):
                print((folder / "cmdline").read_bytes().replace(b"\\0", b" ").decode()[:200])
        except (OSError, IndexError):
            continue
"""


def python(code: str, *words: str) -> str:
    """What a new process prints."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    environment.pop(LOGICAL, None)  # of a Ray that other tests of this process share
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=120, start_new_session=True
    ).stdout


@pytest.mark.alone
def test_a_ray_that_is_only_looked_at_starts_no_worker() -> None:
    started = python(LOOKING)
    assert "/raylet" in started
    assert "ray::IDLE" not in started


def test_the_first_look_imports_nothing_heavy() -> None:
    rooms = "fitscape.study.driver.preflight, fitscape.study.cli.run"
    code = f"import sys; import {rooms}; print(sorted({set(HEAVY)} & set(sys.modules)))"
    assert python(code).strip() == "[]"


LOOKED = """
import json, sys
from pathlib import Path
from fitscape.study.config import DataConfig, StudyConfig, TrialConfig
from fitscape.study.driver.preflight import preflight
base = TrialConfig().with_hyperparameters({"width": 0.0625, "batch_size": 16, "steps_per_epoch": 2, "epochs": 1})
config = StudyConfig(name="s", base=base, data=DataConfig(limit=200))
print(json.dumps([[found.what, found.ok] for found in preflight(config, Path(sys.argv[1]))]))
"""


@pytest.mark.alone
def test_all_of_a_machine_is_looked_at_and_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """On a Ray of its own, with MLflow's own words; nothing of the study is left."""
    (tmp_path / "mlflow.db").write_text("no database")
    found = json.loads(python(LOOKED, str(tmp_path)).splitlines()[-1])
    good, bad = ([what for what, ok in found if ok is kind] for kind in (True, False))
    for said in ("this machine has", "digits", "GiB are free", "fit at once on", "expected: "):
        assert any(said in what for what in good), (said, good)
    assert any("mlflow.db" in what for what in bad), found
    assert not (tmp_path / "s").exists()
