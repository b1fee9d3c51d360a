"""A trial's subset and label noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fitscape.study.config import DataCondition
from fitscape.study.data import SealedData, TrainSubset, TrialData, probe, select
from fitscape.study.data.moments import moments

fractions = st.floats(0.01, 1)
rates = st.floats(0, 1)
seeds = st.integers(0, 2**31 - 1)


def synthetic(n: int = 400, classes: int = 5) -> TrialData:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 3, 4, 4), dtype=np.uint8)
    labels = rng.choice(classes, n, p=np.arange(1, classes + 1) / sum(range(1, classes + 1)))
    return TrialData(
        train_images=torch.from_numpy(images),
        train_labels=torch.from_numpy(labels),
        train_moments=torch.from_numpy(moments(images)),
        val_images=torch.from_numpy(images[:50]),
        val_labels=torch.from_numpy(labels[:50]),
        val_half=torch.arange(50) % 2 == 0,
        classes=tuple("abcde"[:classes]),
        fingerprint="f" * 16,
    )


DATA = synthetic()


def noise_by_image(subset: TrainSubset) -> dict[int, int]:
    flipped = subset.flipped
    return dict(zip(subset.indices[flipped].tolist(), subset.labels[flipped].tolist(), strict=True))


@given(fractions, fractions, rates, seeds)
def test_fractions_are_nested_and_share_their_labels(a: float, b: float, rate: float, seed: int) -> None:
    small, large = (select(DATA, DataCondition(train_fraction=f, label_noise=rate), seed) for f in sorted((a, b)))
    n = len(small.indices)
    assert torch.equal(small.indices, large.indices[:n])
    assert torch.equal(small.labels, large.labels[:n])
    assert n == max(1, round(min(a, b) * 400))
    assert len(set(large.indices.tolist())) == len(large.indices)


@given(rates, rates, seeds)
def test_noise_is_nested_over_its_rate(a: float, b: float, seed: int) -> None:
    low, high = (noise_by_image(select(DATA, DataCondition(label_noise=r), seed)) for r in sorted((a, b)))
    assert low.items() <= high.items()


@given(fractions, rates, seeds)
def test_flipped_marks_exactly_the_wrong_labels(fraction: float, rate: float, seed: int) -> None:
    subset = select(DATA, DataCondition(train_fraction=fraction, label_noise=rate), seed)
    assert torch.equal(subset.flipped, subset.labels != DATA.train_labels[subset.indices])
    assert torch.equal(subset.val_flipped, subset.noisy_val_labels != DATA.val_labels)
    assert subset.flip_rate == pytest.approx(subset.flipped.double().mean().item())


@given(st.floats(0.1, 1), seeds)
@settings(max_examples=30)
def test_subsets_are_stratified_and_keep_every_class(fraction: float, seed: int) -> None:
    subset = select(DATA, DataCondition(train_fraction=fraction), seed)
    whole = torch.bincount(DATA.train_labels, minlength=5).double()
    taken = torch.bincount(subset.labels, minlength=5).double()
    assert (taken - fraction * whole).abs().max() <= 2.5
    assert taken.min() >= 1


def test_noise_is_symmetric_and_its_realised_rate_as_documented() -> None:
    data = synthetic(n=20_000)
    subset = select(data, DataCondition(label_noise=0.5), 3)
    assert subset.flip_rate == pytest.approx(0.5 * 4 / 5, abs=0.01)
    clean = data.train_labels[subset.indices]
    for true in range(5):
        wrong = torch.bincount(subset.labels[subset.flipped & (clean == true)], minlength=5).double()
        wrong = wrong[torch.arange(5) != true]
        assert (wrong - wrong.mean()).abs().max() < 4 * wrong.mean().sqrt()


def test_without_noise_nothing_is_flipped_and_validation_stays_clean() -> None:
    before = DATA.val_labels.clone()
    subset = select(DATA, DataCondition(), 0)
    assert subset.flip_rate == 0
    select(DATA, DataCondition(label_noise=1), 0)
    assert torch.equal(DATA.val_labels, before)


@given(fractions, seeds)
@settings(max_examples=30)
def test_statistics_are_those_of_the_subset_alone(fraction: float, seed: int) -> None:
    subset = select(DATA, DataCondition(train_fraction=fraction), seed)
    pixels = DATA.train_images[subset.indices].double()
    assert torch.allclose(subset.mean.double(), pixels.mean((0, 2, 3)), rtol=1e-6)
    assert torch.allclose(subset.std.double(), pixels.std((0, 2, 3), unbiased=False), rtol=1e-6)


def test_constant_images_have_a_finite_scale() -> None:
    black = torch.zeros(400, 3, 4, 4, dtype=torch.uint8)
    data = replace(DATA, train_images=black, train_moments=torch.from_numpy(moments(black.numpy())))
    assert select(data, DataCondition(), 0).std.tolist() == [1, 1, 1]


def test_seed_and_data_change_the_draw_and_the_model_does_not() -> None:
    condition = DataCondition(train_fraction=0.3, label_noise=0.3)
    one, again, other = (select(DATA, condition, seed) for seed in (1, 1, 2))
    assert torch.equal(one.indices, again.indices)
    assert torch.equal(one.labels, again.labels)
    assert set(one.indices.tolist()) != set(other.indices.tolist())
    elsewhere = select(replace(DATA, fingerprint="0" * 16), condition, 1)
    assert set(one.indices.tolist()) != set(elsewhere.indices.tolist())


def test_the_probe_is_the_same_images_at_every_fraction_that_holds_it() -> None:
    half, whole = (select(DATA, DataCondition(train_fraction=f), 5) for f in (0.5, 1.0))
    assert torch.equal(half.indices[probe(half, 100)], whole.indices[probe(whole, 100)])
    assert len(probe(half, 10_000)) == len(half.indices)


def test_draws_are_the_same_on_every_machine() -> None:
    """Written down once; a change here changes what every past trial was trained on."""
    subset = select(DATA, DataCondition(train_fraction=0.02, label_noise=0.5), 7)
    assert (subset.indices.tolist(), subset.labels.tolist()) == PINNED


def test_digits_select_alike_after_a_second_load(digits: SealedData) -> None:
    from fitscape.study.data import load

    condition = DataCondition(train_fraction=0.2, label_noise=0.1)
    one, two = (select(d.trial_data, condition, 0) for d in (digits, load(digits.config)))
    assert torch.equal(one.indices, two.indices)
    assert torch.equal(one.labels, two.labels)


PINNED = ([9, 267, 199, 151, 191, 154, 115, 53], [1, 3, 4, 2, 0, 0, 1, 2])
