"""The test part: opened for the finalists only, reproducing them, and written down."""

import shutil
from pathlib import Path

import pytest
import torch
from hand_made import make_epoch, make_trial
from scipy import stats

from fitscape.study import finalists
from fitscape.study.cli import main
from fitscape.study.cli.unseal import unseal
from fitscape.study.config import DataConfig, StudyConfig, TrialConfig
from fitscape.study.data import SealedData, load
from fitscape.study.driver.provenance import provenance
from fitscape.study.errors import UserError
from fitscape.study.ledger import SETTINGS, TEST_ERRORS, TEST_OPENED, Ledger
from fitscape.study.records import TrialState
from fitscape.study.training import Settings, run_trial


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> SealedData:
    return load(DataConfig(root=str(tmp_path_factory.mktemp("data")), limit=300))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, digits: SealedData) -> Path:
    """Two architectures, one of them in two seeds, trained for real as a driver would."""
    folder = tmp_path_factory.mktemp("runs") / "s"
    folder.mkdir()
    base = TrialConfig().with_hyperparameters({"epochs": 2, "batch_size": 32})
    config = StudyConfig(name="s", data=digits.config, base=base)
    with Ledger.create(folder / "ledger.db", config, provenance(digits)) as ledger:
        for architecture, seed in (("resnet18", 0), ("resnet18", 1), ("plain18", 0)):
            point = {"architecture": architecture, "width": 0.125, "seed": seed}
            trial = ledger.add_trial(base.with_hyperparameters(point), point, "enqueue")
            ledger.start_attempt(trial.trial_id, "here", "cpu")
            for progress in run_trial(trial.config, digits.trial_data, settings=Settings()):
                ledger.record_epoch(trial.trial_id, progress.record)
            ledger.end_trial(trial.trial_id, TrialState.FINISHED)
    return folder


@pytest.fixture
def study(trained: Path, tmp_path: Path) -> Path:
    """A copy of it, to open."""
    return Path(shutil.copytree(trained, tmp_path / "s"))


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


def errors_of(net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> int:
    """How many of the images a net is wrong about, counted here."""
    with torch.inference_mode():
        return sum(int(net(images[i : i + 1]).argmax()) != int(labels[i]) for i in range(len(labels)))


def test_the_best_net_of_an_architecture_is_kept_and_errs_as_often_as_was_said(study: Path, digits: SealedData) -> None:
    kept: list[finalists.Finalist] = []
    with Ledger.open(study / "ledger.db") as ledger:
        said = finalists.open_test(ledger, reason="to use it", data=digits, keep=kept.append)
        known = {t.trial_id: t for t in ledger.trials()}
    residual = [t for t in known.values() if t.config.model.family == "resnet"]
    best = min(residual, key=lambda t: t.last.val_error if t.last else 1.0)
    assert len({t.last.val_error for t in residual if t.last}) == 2, "or this test shows nothing"
    assert {f.trial_id for f in kept} == {best.trial_id, *(t.trial_id for t in known.values() if t not in residual)}
    data, test = digits.trial_data, digits.open_test("to count again")
    for finalist in kept:
        (row,) = [row for row in said if row.trial_id == finalist.trial_id]
        wrong = errors_of(finalist.classifier, test.images, test.labels)
        assert 0 < wrong < len(test.labels)
        assert row.test_error == wrong / len(test.labels)
        low, high = stats.beta(wrong + 0.5, len(test.labels) - wrong + 0.5).ppf([0.025, 0.975])
        assert (row.low, row.high) == (pytest.approx(low), pytest.approx(high))
        last = known[finalist.trial_id].last
        assert last is not None
        missed = errors_of(finalist.classifier, data.val_images, data.val_labels)
        assert missed / len(data.val_labels) == pytest.approx(last.val_error, abs=1.5 / len(data.val_labels))


def test_one_lucky_seed_does_not_make_a_configuration_a_finalist() -> None:
    """Of two widths the first has the lowest error of all, and the second the lower mean."""
    ends = {0.25: (0.01, 0.3, 0.3), 0.5: (0.1, 0.11, 0.12)}
    trials = [
        make_trial({"width": width, "seed": seed}, make_epoch(0.0, error))
        for width, errors in ends.items()
        for seed, error in enumerate(errors)
    ]
    chosen = finalists.choose(trials)
    assert [(t.config.model.width, t.config.seed) for t in chosen] == [(0.5, 0), (0.5, 1), (0.5, 2)]


def test_the_command_opens_the_seal_says_the_errors_and_keeps_the_nets(
    study: Path, digits: SealedData, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing stands in for anything: the nets are trained again, the page is built, the nets are written."""
    with pytest.raises(SystemExit) as left:
        main(["report", "s", "--root", str(study.parent), "--open-test", "for the paper"])
    said = capsys.readouterr().out
    assert not left.value.code, said
    with Ledger.open(study / "ledger.db", read_only=True) as ledger:
        (opened,), (measured,) = ledger.notes(TEST_OPENED), ledger.notes(TEST_ERRORS)
    assert opened.body["reason"] == "for the paper"
    rows = measured.body["finalists"]
    assert [(row["architecture"], row["seed"], row["reproduced"]) for row in rows] == [
        ("resnet18", 0, True),
        ("resnet18", 1, True),
        ("plain18", 0, True),
    ]
    page = (study / "report" / "index.html").read_text()
    assert "for the paper" in page
    for row in rows:
        wrong = round(row["test_error"] * row["images"])
        assert row["test_error"] == wrong / row["images"]
        assert f"{row['architecture']} seed {row['seed']}: test error {row['test_error']:.4f} [" in said
    nets = [Path(line.split(maxsplit=1)[1]) for line in said.splitlines() if line.startswith("net ")]
    assert len(nets) == 2
    assert all(net.exists() for net in nets)
    assert "for the paper" in openings(digits)[-1]


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
