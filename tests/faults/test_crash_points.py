"""A sample of what ``make crashpoints`` tries whole: a driver ended, or given an error, at a step, and resumed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow  # minutes where others work
def test_a_driver_ended_or_refused_at_any_step_loses_and_doubles_nothing() -> None:
    drill = [sys.executable, "-m", "benchmarks.drills.crash_points", "--unrecorded", "--sample", "4", "--seed", "5"]
    ran = subprocess.run(
        drill,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=290,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
