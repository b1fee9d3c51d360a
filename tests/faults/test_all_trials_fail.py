"""Rows 39 and 40 by the command: every trial hangs, each is ended by its watchdog, the study by exit code 3."""

from pathlib import Path

import pytest
from commands import fitscape
from drivers import small_study

from fitscape.study.ledger import Ledger
from fitscape.study.reading.document import dump
from fitscape.study.records import TrialState

pytestmark = [pytest.mark.alone, pytest.mark.ci]


def test_a_study_whose_trials_all_hang_ends_with_3_and_says_why(tmp_path: Path) -> None:
    config = small_study("hopeless", trials=2, epochs=1)
    file = tmp_path / "study.yaml"
    # A network is not built in a millisecond: to the watchdog every trial is one that shows no sign of life.
    file.write_text(dump(config.model_dump(mode="json")))
    limits = ("--set", "resources.trial_timeout=0.001", "--set", "resources.max_attempts=1")
    left = fitscape("run", file, "--root", tmp_path / "runs", *limits)
    assert left.code == 3, left
    assert "Traceback" not in left.out + left.err
    with Ledger.open(tmp_path / "runs" / "hopeless" / "ledger.db", read_only=True) as ledger:
        trials = ledger.trials()
    assert [trial.state for trial in trials] == [TrialState.FAILED] * 2
    assert [trial.message for trial in trials] == ["hung: no step for 0.001 s (1 attempts)"] * 2
