"""Mixup and cutmix: shares that add up, drawn per image, the same on every device, absent in evaluation."""

from collections.abc import Callable

import pytest
import torch
from scipy.stats import kstest

from fitscape.study.config import DataCondition, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.data.mixing import mixing
from fitscape.study.training import Settings, run_trial

CLASSES, IMAGES = 5, 400
ALL = [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}]


def mixed(condition: dict[str, float], images: torch.Tensor, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    mix = mixing(DataCondition(**condition), CLASSES, torch.device("cpu"))
    assert mix is not None
    return mix(images, torch.arange(len(images)) % CLASSES, torch.Generator().manual_seed(seed))


def flat(size: int = 16) -> torch.Tensor:
    """Image i has the value i everywhere."""
    return torch.arange(IMAGES, dtype=torch.float32).view(-1, 1, 1, 1).expand(IMAGES, 3, size, size).clone()


def test_without_either_nothing_is_mixed() -> None:
    assert mixing(DataCondition(), CLASSES, torch.device("cpu")) is None


@pytest.mark.parametrize("condition", ALL)
def test_labels_have_the_shares_that_the_pixels_have(condition: dict[str, float]) -> None:
    images, labels = mixed(condition, flat())
    torch.testing.assert_close(labels.sum(1), torch.ones(IMAGES))
    own = torch.arange(IMAGES)
    share = labels[own, own % CLASSES]  # the partner, one place before, is of another class
    partner = (own - 1) % IMAGES
    torch.testing.assert_close(images.mean((1, 2, 3)), share * own + (1 - share) * partner, atol=1e-3, rtol=1e-4)


def test_mixup_draws_each_images_share_from_the_beta_distribution() -> None:
    _, labels = mixed({"mixup": 0.4}, flat())
    own = torch.arange(IMAGES)
    assert kstest(labels[own, own % CLASSES].numpy(), "beta", args=(0.4, 0.4)).pvalue > 0.01


def test_cutmix_shows_whole_pixels_of_the_one_or_of_the_other() -> None:
    images, _ = mixed({"cutmix": 1.0}, flat())
    own = torch.arange(IMAGES, dtype=torch.float32).view(-1, 1, 1, 1)
    assert ((images == own) | (images == own.roll(1, 0))).all()
    kept = (images == own).float().mean((1, 2, 3))
    assert ((kept > 0) & (kept < 1)).sum() > IMAGES / 2


def test_with_both_some_images_are_blended_and_some_are_covered() -> None:
    images, _ = mixed({"mixup": 1.0, "cutmix": 1.0}, flat())
    blended = (images == images[:, :1, :1, :1]).flatten(1).all(1)
    assert 0.3 < blended.float().mean() < 0.8


def test_the_same_seed_mixes_alike_and_another_differently() -> None:
    again = [mixed({"mixup": 0.4, "cutmix": 1.0}, flat(), seed)[0] for seed in (0, 0, 1)]
    assert torch.equal(again[0], again[1])
    assert not torch.equal(again[0], again[2])


@pytest.mark.parametrize("condition", ALL)
def test_training_is_mixed_and_goes_on_from_a_checkpoint_to_the_same_numbers(
    digits: TrialData, tiny: Callable[..., TrialConfig], condition: dict[str, float]
) -> None:
    (plain,) = list(run_trial(tiny(epochs=1), digits, settings=Settings()))
    config = tiny(epochs=2, **condition)
    first = next(iter_ := run_trial(config, digits, settings=Settings()))
    checkpoint = first.checkpoint()
    whole = next(iter_)
    (resumed,) = list(run_trial(config, digits, settings=Settings(), checkpoint=checkpoint))
    assert first.record.batch_loss != plain.record.batch_loss
    assert resumed.record.train_loss == whole.record.train_loss
