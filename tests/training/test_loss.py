"""The loss of training batches: plain, smoothed, weighted by class."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from fitscape.study.config import Optimization, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Settings, run_trial
from fitscape.study.training.loss import make_loss

LABELS = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
CPU = torch.device("cpu")


def logits(images: int) -> torch.Tensor:
    return torch.randn(images, 4, generator=torch.Generator().manual_seed(0))


def test_without_smoothing_and_weights_it_is_the_cross_entropy_to_the_bit() -> None:
    loss = make_loss(Optimization(), LABELS, 4, CPU)
    assert torch.equal(loss(logits(100), LABELS), F.cross_entropy(logits(100), LABELS))


def test_balanced_weights_give_the_mean_over_classes_of_each_ones_mean_loss() -> None:
    loss = make_loss(Optimization(class_weights="balanced"), LABELS, 4, CPU)
    each = F.cross_entropy(logits(100), LABELS, reduction="none")
    torch.testing.assert_close(
        loss(logits(100), LABELS), torch.stack([each[c == LABELS].mean() for c in range(3)]).mean()
    )


def test_two_halves_of_a_weighted_batch_have_the_loss_of_the_whole() -> None:
    loss = make_loss(Optimization(class_weights="balanced", label_smoothing=0.1), LABELS, 4, CPU)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(1))
    whole, labels = logits(100)[order], LABELS[order]
    halves = loss(whole[:50], labels[:50]) / 2 + loss(whole[50:], labels[50:]) / 2
    torch.testing.assert_close(halves, loss(whole, labels))


@pytest.mark.parametrize("change", [{"label_smoothing": 0.2}, {"class_weights": "balanced"}])
def test_training_changes_and_its_evaluation_stays_a_plain_cross_entropy(
    digits: TrialData, tiny: Callable[..., TrialConfig], change: dict[str, object]
) -> None:
    plain, other = tiny(epochs=1), tiny(epochs=1, **change)
    assert plain.trial_id != other.trial_id
    (was,), (now,) = (list(run_trial(c, digits, settings=Settings())) for c in (plain, other))
    assert was.record.batch_loss != now.record.batch_loss
    assert now.record.val_balanced_error is not None
    assert 0 <= now.record.val_balanced_error <= 1
