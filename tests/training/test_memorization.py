from collections.abc import Callable

import pytest
import torch

from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData, probe, select
from fitscape.study.training.memorization import memorization


def test_a_net_that_knows_the_noise_by_heart(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    subset = select(digits, tiny(label_noise=0.5).data, seed=0)
    positions = probe(subset, 100)
    told = subset.labels[positions]
    result = memorization(subset, positions, told, digits.val_labels)
    assert result.train == 1.0
    assert result.val == 0.0  # the true label is never the flipped one
    assert result.flipped_n == int(subset.flipped[positions].sum()) > 0
    assert result.val_flipped_n == int(subset.val_flipped.sum()) > 0


def test_a_net_that_guesses_scores_alike_on_both(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    subset = select(digits, tiny(label_noise=0.9, train_fraction=1.0).data, seed=0)
    positions = probe(subset, 640)
    generator = torch.Generator().manual_seed(0)
    guesses = [torch.randint(10, (n,), generator=generator) for n in (640, 160)]
    result = memorization(subset, positions, *guesses)
    assert result.train == pytest.approx(0.1, abs=0.06)
    assert result.val == pytest.approx(0.1, abs=0.1)


def test_no_noise_no_shares(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    subset = select(digits, tiny().data, seed=0)
    positions = probe(subset, 10)
    result = memorization(subset, positions, subset.labels[positions], digits.val_labels)
    assert (result.train, result.val, result.flipped_n, result.val_flipped_n) == (None, None, 0, 0)
