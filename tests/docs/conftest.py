"""The site of docs/, built once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pages import REPOSITORY


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    told = [line for line in (built.stdout + built.stderr).splitlines() if line and not line.startswith("INFO ")]
    assert (built.returncode, told) == (0, [])
    return folder
