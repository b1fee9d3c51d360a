"""The commands on a study that 0.1.0 ran."""

import json
from pathlib import Path

import pandas as pd
import pytest
from command import Command
from release_0_1_0 import unpack

from fitscape.study.opened import open_study


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return unpack(tmp_path / "fitscape-runs")


@pytest.mark.usefixtures("old")
def test_status_reads_it(fitscape: Command) -> None:
    found = json.loads(fitscape("status", "quickstart", "--json").out)
    assert found["states"]["finished"] == 36
    assert sum(found["regimes"].values()) == 36


@pytest.mark.usefixtures("old")
def test_map_reads_it(fitscape: Command) -> None:
    found = json.loads(
        fitscape("map", "quickstart", "--at", "architecture=resnet18", "--at", "width=0.3", "--json").out
    )
    assert sum(found["regimes"].values()) == pytest.approx(1, abs=1e-6)


def test_export_reads_it(fitscape: Command, old: Path, tmp_path: Path) -> None:
    assert fitscape("export", "quickstart", "--to", str(tmp_path / "trials.csv")).code == 0
    exported = pd.read_csv(tmp_path / "trials.csv")
    assert list(exported["trial_id"]) == [trial.trial_id for trial in open_study(old).trials]


def test_report_reads_it(fitscape: Command, old: Path) -> None:
    assert fitscape("report", "quickstart").code == 0
    assert "quickstart" in (old / "report" / "index.html").read_text()


@pytest.mark.slow
def test_resume_adds_four_trials_and_repeats_none(fitscape: Command, old: Path) -> None:
    before = open_study(old)
    trials, labels = before.trials, before.labels
    ran = fitscape("resume", "quickstart", "--allow", "code", "--trials", "40")
    assert ran.code == 0, ran
    assert "the old one is kept as ledger.v1.db" in ran.out
    after = open_study(old)
    assert [t.origin for t in after.trials[36:]] == ["sobol"] * 4
    assert after.trials[:36] == trials
    moved = [i for i, label in labels.items() if not set(after.labels[i].regime_set) & set(label.regime_set)]
    assert moved == []  # four more trials are more evidence: a label may become surer, and none turns into another
