"""A loss of the user's own: training minimizes it, and nothing is measured by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from own_code import write

from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.plugins import code_of, install
from fitscape.study.training import Settings, run_trial
from fitscape.study.training.own_loss import require_loss


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    install(None)


def take(folder: Path, text: str) -> str:
    loss = "my_losses.py:mine"
    write(folder, my_losses=text)
    install(code_of({"plugins": [str(folder / "my_losses.py")], "base": {"optimization": {"loss": loss}}}))
    return loss


def last(data: TrialData, **hyperparameters: object) -> tuple[float, float]:
    small = {"architecture": "resnet20", "width": 0.25, "epochs": 1, "steps_per_epoch": 6, "batch_size": 32}
    trial = TrialConfig().with_hyperparameters(small | hyperparameters)
    [progress] = run_trial(trial, data, settings=Settings())
    return progress.record.batch_loss, progress.record.val_loss


def test_cross_entropy_as_own_code_gives_equal_numbers(folder: Path, digits: TrialData) -> None:
    loss = take(folder, "from torch.nn.functional import cross_entropy as mine")
    assert last(digits, loss=loss) == last(digits)


def test_another_loss_trains_another_net_and_is_recorded_as_cross_entropy(folder: Path, digits: TrialData) -> None:
    loss = take(folder, "from torch.nn.functional import cross_entropy\ndef mine(a, b): return 0 * cross_entropy(a, b)")
    batches, _ = last(digits, loss=loss, weight_decay=0.0)
    assert 2 < batches < 9  # of a net that learns nothing: ln 10 is 2.3, and the loss itself is 0
    assert last(digits, loss=loss) != last(digits)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def mine(logits, labels): return logits.mean(1)", r"gives a tensor of shape \(4,\); expected a scalar"),
        ("def mine(logits, labels): return 3.0", "gives float; expected a scalar, the mean over the batch"),
        ("def mine(logits, labels): return logits.detach().mean()", "gives no gradient"),
        ("def mine(logits, labels): return logits[labels + 99]", "raised IndexError"),
    ],
)
def test_a_loss_that_cannot_be_minimized_is_refused(folder: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        require_loss(take(folder, text), 10)
