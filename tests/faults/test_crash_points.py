"""A sample of what ``make crashpoints`` tries whole: a driver ended, or given an error, at a step, and resumed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.alone

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(900)  # seconds each on a quiet core; a loaded machine takes minutes, which is no fault
@pytest.mark.parametrize("kinds", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_a_driver_ended_or_refused_at_any_step_loses_and_doubles_nothing(kinds: int) -> None:
    """So many kills and as many errors."""
    drill = "benchmarks.drills.crash_points"
    ran = subprocess.run(
        [sys.executable, "-m", drill, "--unrecorded", "--sample", str(kinds), "--seed", "5"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=850,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert sum(map(int, re.findall(r"'tried': (\d+)", ran.stdout))) == 2 * kinds, ran.stdout
