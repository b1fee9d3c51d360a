"""The two sides of a study's benchmark as processes, starts included: ``fitscape run``, and a plain script."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from fitscape.study.config import StudyConfig
from fitscape.study.reading.document import dump
from fitscape.study.search.asker import Asker

SLOTS = 2  # trials at once, one CPU thread each


def seconds_of(command: list[str], log: Path) -> float:
    """Wall clock of a process from its start to its end.

    Raises:
        subprocess.CalledProcessError: it failed; its output is in ``log``.
    """
    begun = time.monotonic()
    with log.open("a") as file:
        subprocess.run(command, check=True, stdout=file, stderr=file, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return time.monotonic() - begun


def fitscape_seconds(config: StudyConfig, folder: Path) -> float:
    """Wall clock of ``fitscape run``; the study is then in ``folder``, under its name.

    Raises:
        subprocess.CalledProcessError: it failed; its output is in ``folder / "fitscape.txt"``.
    """
    file = folder / f"{config.name}.yaml"
    file.write_text(dump(config.model_dump(mode="json")))
    command = [sys.executable, "-m", "fitscape", "run", str(file), "--root", str(folder), "--quiet"]
    return seconds_of(command, folder / "fitscape.txt")


def points(config: StudyConfig) -> list[dict[str, Any]]:
    """The hyperparameters of every trial that a study with a design will run, for the plain script to run the same."""
    asker, asked = Asker(config, chance_error=0.9), []
    while (suggestion := asker.ask()) is not None:
        asked.append(suggestion.hyperparameters)
    return asked
