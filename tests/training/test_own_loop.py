"""A training loop of the user's own as a trial."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from own_code import write

from fitscape.models.spec import ModelSpec
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.plugins import code_of, install
from fitscape.study.training import Progress, Settings, run_trial

REPORT = "def run(params, data, report):\n    for epoch in range(report.epoch + 1, params['epochs'] + 1):\n        "


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    install(None)


def config(folder: Path, text: str, **changes: object) -> TrialConfig:
    write(folder, my_loop=text)
    found = TrialConfig(trial="my_loop.py:run", model=ModelSpec(family="my_loop.py:run", keywords={"k": 3}))
    install(code_of({"plugins": [str(folder / "my_loop.py")], "base": {"trial": found.trial}}))
    return found.with_hyperparameters({"epochs": 3, **changes})


def run(trial: TrialConfig, data: TrialData, checkpoint: bytes | None = None) -> list[Progress]:
    return list(run_trial(trial, data, settings=Settings(), checkpoint=checkpoint))


def test_what_is_reported_is_recorded(folder: Path, digits: TrialData) -> None:
    text = (
        REPORT
        + "report(train_error=0.1 * params['k'], val_error=data.val_half, train_n=100, epoch=epoch, val_loss=2.0)"
    )
    records = [progress.record for progress in run(config(folder, text, train_fraction=0.5, label_noise=0.3), digits)]
    assert [record.epoch for record in records] == [1, 2, 3]
    last = records[-1]
    assert (last.train_error, last.train_n, last.val_loss) == (pytest.approx(0.3), 100, 2.0)
    assert (last.val_error_a, last.val_error_b) == (1.0, 0.0)
    assert last.val_n == len(digits.val_labels)
    assert last.val_error == pytest.approx(float(digits.val_half.double().mean()))
    assert 10 < last.flipped_n < 50  # of the first 100 images, of which 27 are expected
    assert last.train_loss is None


def test_of_a_share_alone_the_halves_are_drawn_from_its_errors(folder: Path, digits: TrialData) -> None:
    trial = config(folder, REPORT + "report(train_error=0.1, val_error=0.25)")
    first, second, _ = (progress.record for progress in run(trial, digits))
    in_a = int(digits.val_half.sum())
    wrong = first.val_error_a * in_a, first.val_error_b * (first.val_n - in_a)
    assert sum(wrong) == pytest.approx(round(0.25 * first.val_n))
    assert wrong == pytest.approx([round(count) for count in wrong])
    assert first.val_error_a != first.val_error_b
    assert (second.val_error_a, second.val_error) != (first.val_error_a, 0)
    assert next(iter(run(trial, digits))).record.val_error_a == first.val_error_a


def test_a_loop_sees_its_share_of_the_data_and_its_seed(folder: Path, digits: TrialData) -> None:
    text = (
        "import torch\ndef run(params, data, report):\n"
        "    report(train_error=0, val_error=0, train_loss=float(torch.rand(())), val_loss=len(data.train_labels))"
    )
    trial = config(folder, text, train_fraction=0.25)
    [first], [again], [other] = (run(t, digits) for t in (trial, trial, trial.with_hyperparameters({"seed": 1})))
    assert first.record.val_loss == round(0.25 * len(digits.train_labels))
    assert first.record.train_loss == again.record.train_loss != other.record.train_loss


def test_a_loop_goes_on_from_its_checkpoint(folder: Path, digits: TrialData) -> None:
    text = REPORT + (
        "report(train_error=0, val_error=0, train_loss=float((report.checkpoint or b'0').decode()),\n"
        "               checkpoint=lambda: str(epoch).encode())"
    )
    trial = config(folder, text)
    epochs = run_trial(trial, digits, settings=Settings())
    next(epochs)
    saved = next(epochs).checkpoint()
    epochs.close()  # type: ignore[attr-defined]
    [rest] = run(trial, digits, saved)
    assert (rest.record.epoch, rest.record.train_loss) == (3, 2.0)
    with pytest.raises(ValueError, match="checkpoint: its trial is"):
        run(trial.with_hyperparameters({"seed": 1}), digits, saved)


def test_an_early_end_reaches_the_loop_and_no_exception_handler_takes_it(folder: Path, digits: TrialData) -> None:
    place = folder / "left"
    text = f"""
def run(params, data, report):
    try:
        while True:
            try:
                report(train_error=0.5, val_error=0.5)
            except Exception:
                pass
    except BaseException as error:
        open({str(place)!r}, "w").write(type(error).__name__)
        raise
"""
    epochs = run_trial(config(folder, text), digits, settings=Settings())
    next(epochs)
    epochs.close()  # type: ignore[attr-defined]
    assert place.read_text() == "StopTrial"


def test_a_training_error_in_train_mode_is_told_of(folder: Path, digits: TrialData) -> None:
    text = "import torch\n" + REPORT + "report(train_error=lambda: torch.rand(1200) < 0.5, val_error=0.5, epoch=epoch)"
    first, second, _ = run(config(folder, text.replace("1200", str(len(digits.train_labels)))), digits)
    assert "is measured in train mode, with dropout or augmentation" in first.notices[0]
    assert second.notices == ()
    steady = REPORT + "report(train_error=lambda: 0.5, val_error=0.5, epoch=epoch)"
    assert all(progress.notices == () for progress in run(config(folder, steady), digits))


def test_a_loss_that_is_not_finite_diverges(folder: Path, digits: TrialData) -> None:
    [progress] = run(config(folder, REPORT + "report(train_error=float('nan'), val_error=0.9)"), digits)
    assert progress.diverged


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("report(train_error=3.2, val_error=0.5)", "train_error is 3.2, and errors are shares of 0 to 1"),
        ("report(train_error=0.5, val_error=0.5, epoch=7)", "epoch 7 comes after epoch 0; expected 1"),
        ("report(train_error=0.5, val_error=[True], val_n=9)", "val_error has 1 values for 9 images"),
        ("report(train_error=0.5, val_error=0.5, train_n=10**9)", "train_error counts 1000000000 images"),
        ("raise KeyError('mine')", "mine"),
    ],
)
def test_a_wrong_report_fails_the_trial_with_its_reason(folder: Path, digits: TrialData, call: str, said: str) -> None:
    with pytest.raises((ValueError, KeyError), match=said):
        run(config(folder, REPORT + call), digits)


def test_a_loop_of_the_user_s_own_has_an_id_of_its_own() -> None:
    assert TrialConfig(trial="my_loop.py:run").trial_id != TrialConfig().trial_id
