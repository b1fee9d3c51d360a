"""``fitscape`` as processes of their own, for what needs real signals, real exit codes and Ray."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[2]


class Left(NamedTuple):
    """How a command left; ``seconds`` of the wall."""

    code: int
    out: str
    err: str
    seconds: float


def fitscape(*words: str | Path, within: float = 240, **environment: str) -> Left:
    """Run one command to its end, without the user's environment."""
    begun = time.monotonic()
    kept = {k: v for k, v in os.environ.items() if k not in ("FITSCAPE_ROOT", "RAY_ADDRESS", "MLFLOW_TRACKING_URI")}
    done = subprocess.run(
        [sys.executable, "-m", "fitscape", *map(str, words)],
        cwd=REPOSITORY,
        env={**kept, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=within,
    )
    return Left(done.returncode, done.stdout, done.stderr, time.monotonic() - begun)
