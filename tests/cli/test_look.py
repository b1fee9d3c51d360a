"""``status``, ``map``, ``list`` and ``report`` on a study without training."""

import json
from pathlib import Path

import pytest
from command import Command

from fitscape import __version__
from fitscape.study.ledger import LABELLED_BY, Ledger, StudyLock
from fitscape.study.opened import open_study


def test_status_for_a_person(fitscape: Command, small: Path) -> None:
    ran = fitscape("status", "small")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == (
        "small: 16 of 20 trials ended (1 pending, 1 running, 13 finished, 1 stopped, 1 diverged, 1 failed)"
    )
    assert "driver   none" in lines
    assert any(line.startswith("best     validation error 0.0500: resnet18 width=0.5 lr=0.1") for line in lines)
    assert any(line.endswith("epoch 1 of 2") for line in lines)
    assert any("oom: no memory left" in line for line in lines)
    assert lines[-1] == "resume with: fitscape resume fitscape-runs/small"


def test_status_names_the_files_that_cannot_be_read(fitscape: Command, small: Path) -> None:
    assert "cannot be read" not in fitscape("status", "small").out
    broken = [f"cat/{i}.png: truncated" for i in range(30)]
    with Ledger.open(small / "ledger.db") as ledger:
        known = ledger.provenance
        ledger.amend(ledger.config, known | {"data": known["data"] | {"read": 970, "unreadable": broken}})
    assert "data     30 of 1000 files cannot be read and are left out: cat/0.png: " in fitscape("status", "small").out
    assert json.loads(fitscape("status", "small", "--json").out)["data"]["unreadable"] == broken


def test_status_names_the_driver_while_it_runs(fitscape: Command, small: Path) -> None:
    with StudyLock(small):
        out = fitscape("status", str(small)).out
    assert "driver   process" in out
    assert "resume with" not in out


def test_status_as_json_counts_every_state_and_regime(fitscape: Command, small: Path) -> None:
    found = json.loads(fitscape("status", "small", "--json").out)
    assert found["states"]["finished"] == 13
    assert found["regimes"]["diverged"] == 1
    assert sum(found["regimes"].values()) == 14, "all that ended but the trial that 0.1.0 stopped"
    assert found["target"] == 20


def test_status_shows_the_labels_that_are_kept_and_fits_no_map_for_them(
    fitscape: Command, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = fitscape("status", "small", "--json").out
    with open_study(small) as study, Ledger.open(small / "ledger.db") as ledger:
        ledger.put_labels(study.labels.values())
        ledger.set_meta(LABELLED_BY, __version__)
    monkeypatch.setattr(Ledger, "trials", None)
    for key in ("regimes", "undecided", "best", "seconds", "unlabelled"):
        assert json.loads(fitscape("status", "small", "--json").out)[key] == json.loads(computed)[key]


def test_status_of_many_trials_says_how_many_wait_for_a_label(
    fitscape: Command, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitscape.study.cli.summary.AT_ONCE", 3)
    assert "regimes  none of 15 trials is labelled so far: `fitscape report small` does it" in (
        fitscape("status", "small").out.splitlines()
    )


def test_an_unknown_study_is_refused_with_the_nearest(fitscape: Command, small: Path) -> None:
    assert fitscape("status", "smal").refusal == ("fitscape-runs: no study is called 'smal' (did you mean small?)")
    assert "no study is in elsewhere" in fitscape("status", "small", "--root", "elsewhere").refusal


def test_a_study_whose_ledger_is_gone_is_named_with_the_way_back(fitscape: Command, small: Path) -> None:
    (small / "ledger.db").rename(small / "ledger.backup.db")
    way_back = "fitscape resume small restores it from ledger.backup.db"
    assert fitscape("status", "small").refusal == f"fitscape-runs/small: its ledger is missing ({way_back})"


def test_the_root_comes_from_the_environment(fitscape: Command, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITSCAPE_ROOT", str(small.parent))
    monkeypatch.chdir("/")
    assert fitscape("status", "small").code == 0


def test_map_at_a_point(fitscape: Command, small: Path) -> None:
    found = json.loads(fitscape("map", "small", "--at", "width=0.15", "--at", "lr=0.1", "--json").out)
    assert found["point"] == {"architecture": "resnet18", "width": 0.15, "lr": 0.1}  # the base's architecture
    assert sum(found["regimes"].values()) == pytest.approx(1, abs=1e-6)
    assert max(found["regimes"], key=found["regimes"].get) == "underfit"
    assert len(found["nearest"]) == 5
    assert {trial["regime"] for trial in found["nearest"]} == {"underfit"}
    labels = open_study(small).labels
    for trial in found["nearest"]:
        assert trial["named"] == labels[trial["trial_id"]].named, "as when every trial is labelled"
    text = fitscape("map", "small", "--at", "width=0.15").out
    assert "underfit" in text
    assert "nearest trials" in text


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("zzz=18", "--at zzz: is not searched by this study (choose from architecture, width, lr)"),
        ("wdith=1", "--at wdith: is not searched by this study (did you mean width?)"),
        ("width=9", "--at width: 9.0 is outside "),
        ("width=1.5", "--at: width is outside 0.125 to 1"),
        ("architecture=resnet20", "--at: architecture is outside resnet18, plain18"),
        ("width", "--at: 'width' is not KEY=VALUE"),
    ],
)
def test_a_point_off_the_map_is_refused(fitscape: Command, small: Path, at: str, message: str) -> None:
    assert fitscape("map", "small", "--at", at).refusal.startswith(message)


@pytest.mark.parametrize(
    ("kind", "name"), [("recipes", "quickstart"), ("spaces", "quick"), ("models", "densenet"), ("datasets", "folder")]
)
def test_lists(fitscape: Command, kind: str, name: str) -> None:
    assert any(line.startswith(f"{name} ") for line in fitscape("list", kind).out.splitlines())
    entries = json.loads(fitscape("list", kind, "--json").out)
    assert entries[name]


def test_an_unknown_list(fitscape: Command) -> None:
    assert fitscape("list", "model").refusal == "no list of 'model' (did you mean models?)"


def test_report_prints_the_path(fitscape: Command, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitscape.study.report.build", lambda folder: folder / "report" / "index.html")
    assert fitscape("report", "small").out == "fitscape-runs/small/report/index.html\n"


def test_a_study_may_be_named_by_its_ledger(fitscape: Command, small: Path) -> None:
    assert fitscape("status", str(small / "ledger.db")).out.startswith("small: ")
