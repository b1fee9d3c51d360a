"""The command in this process, and a study to ask about."""

from pathlib import Path

import pytest
from command import Command, Ran
from small_study import small_study

from fitscape.study.cli import main


@pytest.fixture
def fitscape(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """``fitscape("status", "small")``, with an empty working folder and none of the user's environment."""
    for name in ("FITSCAPE_ROOT", "RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Ran:
        with pytest.raises(SystemExit) as left:
            main(words)
        captured = capfd.readouterr()
        return Ran(int(left.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The folder of the study ``small`` below the default root."""
    return small_study(tmp_path / "fitscape-runs")
