"""What is looked at before a study starts, and that looking is quick."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def python(code: str) -> str:
    """What a new process prints."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code]
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
