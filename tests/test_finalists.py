"""The test part: opened for the finalists only, reproducing them, and written down."""

from pathlib import Path

import pytest
import torch

from fitscape.study import finalists
from fitscape.study.cli.unseal import unseal
from fitscape.study.config import DataConfig, StudyConfig, TrialConfig
from fitscape.study.data import SealedData, load
from fitscape.study.errors import UserError
from fitscape.study.ledger import SETTINGS, TEST_ERRORS, TEST_OPENED, Ledger
from fitscape.study.records import TrialState
from fitscape.study.training import Settings, run_trial


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> SealedData:
    return load(DataConfig(root=str(tmp_path_factory.mktemp("data")), limit=300))


@pytest.fixture
def study(tmp_path: Path, digits: SealedData) -> Path:
    """Two architectures, two widths of one of them, trained for real as a driver would."""
    base = TrialConfig().with_hyperparameters({"epochs": 2, "batch_size": 32})
    config = StudyConfig(name="s", data=digits.config, base=base)
    provenance = {"data_fingerprint": digits.fingerprint, "chance_error": 0.9}
    with Ledger.create(tmp_path / "ledger.db", config, provenance) as ledger:
        for hyperparameters in (
            {"architecture": "resnet18", "width": 0.125},
            {"architecture": "plain18", "width": 0.125},
        ):
            trial = ledger.add_trial(base.with_hyperparameters(hyperparameters), hyperparameters, "enqueue")
            ledger.start_attempt(trial.trial_id, "here", "cpu")
            for progress in run_trial(trial.config, digits.trial_data, settings=Settings()):
                ledger.record_epoch(trial.trial_id, progress.record)
            ledger.end_trial(trial.trial_id, TrialState.FINISHED)
    return tmp_path


def openings(data: SealedData) -> list[str]:
    log = Path(data.summary()["folder"]).parent / "test-openings.jsonl"
    return log.read_text().splitlines() if log.exists() else []


def test_finalists_are_trained_again_to_the_ledgers_numbers_and_noted(study: Path, digits: SealedData) -> None:
    with Ledger.open(study / "ledger.db") as ledger:
        errors = finalists.open_test(ledger, reason="the paper's table", data=digits)
        opened, measured = ledger.notes()
    assert {e.architecture for e in errors} == {"resnet18", "plain18"}
    assert all(e.reproduced for e in errors)
    assert all(e.low <= e.test_error <= e.high and e.images == len(digits.open_test("check").labels) for e in errors)
    assert (opened.kind, measured.kind) == (TEST_OPENED, TEST_ERRORS)
    assert opened.body["reason"] == "the paper's table"
    assert "@" in opened.body["by"]
    assert opened.body["trials"] == [f["trial_id"] for f in measured.body["finalists"]] == [e.trial_id for e in errors]


def test_a_net_an_architecture_is_kept_and_errs_as_the_ledger_says(study: Path, digits: SealedData) -> None:
    kept: list[finalists.Finalist] = []
    with Ledger.open(study / "ledger.db") as ledger:
        finalists.open_test(ledger, reason="to use it", data=digits, keep=kept.append)
        known = {t.trial_id: t.last.val_error for t in ledger.trials() if t.last}
    assert {f.trial_id for f in kept} == known.keys()
    data = digits.trial_data
    for finalist in kept:
        with torch.inference_mode():
            wrong = finalist.classifier(data.val_images).argmax(1) != data.val_labels
        assert wrong.double().mean().item() == pytest.approx(known[finalist.trial_id], abs=1.5 / len(wrong))


def test_a_crash_after_the_seal_is_broken_leaves_the_opening_on_record(
    study: Path, digits: SealedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*arguments: object, **options: object) -> None:
        with Ledger.open(study / "ledger.db", read_only=True) as beside:  # on the disk before any test number
            assert [note.body["reason"] for note in beside.notes(TEST_OPENED)] == ["before the crash"]
        raise ZeroDivisionError

    monkeypatch.setattr(finalists, "train_again", crash)
    with Ledger.open(study / "ledger.db") as ledger:
        with pytest.raises(ZeroDivisionError):
            finalists.open_test(ledger, reason="before the crash", data=digits)
        assert not ledger.notes(TEST_ERRORS)


def test_a_ledger_that_cannot_be_written_keeps_the_seal(study: Path, digits: SealedData) -> None:
    before = openings(digits)
    with Ledger.open(study / "ledger.db", read_only=True) as ledger, pytest.raises(UserError):
        finalists.open_test(ledger, reason="read only", data=digits)
    assert openings(digits) == before


def test_a_net_that_cannot_be_reproduced_is_called_that(study: Path, digits: SealedData) -> None:
    with Ledger.open(study / "ledger.db") as ledger:
        ledger.set_meta(SETTINGS, {"precision": "bf16", "memory_format": "nchw"})
        errors = finalists.open_test(ledger, reason="other precision", data=digits)
    assert not all(e.reproduced for e in errors)


def test_chooses_every_seed_of_the_configuration_that_is_best_on_average(tmp_path: Path) -> None:
    from small_study import small_study

    with Ledger.open(small_study(tmp_path) / "ledger.db", read_only=True) as ledger:
        chosen = finalists.choose(ledger.trials())
    by_architecture = {t.config.model.name: t.trial_id for t in chosen}
    assert set(by_architecture) == {"resnet18", "resnet20"}
    assert all(t.last is not None and t.last.val_error < 0.1 for t in chosen)


def test_other_data_than_the_studys_leave_the_seal_unbroken(study: Path, tmp_path: Path) -> None:
    other = load(DataConfig(root=str(tmp_path / "other"), limit=200))
    with Ledger.open(study / "ledger.db") as ledger:
        with pytest.raises(UserError, match="the data differ from the study's"):
            finalists.open_test(ledger, reason="mistake", data=other)
        assert not ledger.notes(TEST_OPENED)


def test_an_opening_wants_a_reason(study: Path) -> None:
    with pytest.raises(UserError, match="needs a reason"):
        unseal(study, "  ")
