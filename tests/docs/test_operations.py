"""docs/operations.md: its backup can be restored, and its gauges are those that are set."""

import os
import re
import subprocess
import sys
from pathlib import Path

from pages import REPOSITORY, RUN, blocks
from small_study import small_study

from fitscape.study.scheduling.metrics import GAUGES

PAGE = REPOSITORY / "docs/operations.md"


def test_a_backup_made_as_the_page_says_is_a_study_again(tmp_path: Path) -> None:
    small_study(tmp_path / "fitscape-runs")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/fitscape"
    command.write_text(RUN.format(python=sys.executable))
    command.chmod(0o755)
    (block,) = (block.text for block in blocks(PAGE) if block.language == "bash")
    environment = os.environ | {"PATH": f"{command.parent}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "small: 16 of 20 trials ended" in done.stdout


def test_every_gauge_is_in_the_table() -> None:
    assert set(re.findall(r"^\| `ray_(\w+)`", PAGE.read_text(), re.M)) == set(GAUGES)
