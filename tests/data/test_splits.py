"""Properties of the split arithmetic on arbitrary labels and duplicates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitscape.study.data.splits import Split, content_groups, halve, hold_out, split, stratified_order, stream

labelings = st.lists(st.integers(0, 5), min_size=1, max_size=150).map(np.array)
seeds = st.integers(0, 2**31)


@st.composite
def pools(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and content groups with planted duplicates (of any label)."""
    labels = draw(labelings)
    contents = draw(st.lists(st.integers(0, 60), min_size=len(labels), max_size=len(labels)))
    return labels, np.array(contents)


def cut(labels: np.ndarray, groups: np.ndarray, *, test_groups: np.ndarray | None = None, **changed: object) -> Split:
    options = {"validation_fraction": 0.2, "test_fraction": 0.2, "limit": None, "seed": 0, **changed}
    return split(labels, groups, test_groups, **options)  # type: ignore[arg-type]


def test_a_limit_keeps_the_proportion_of_train_and_validation() -> None:
    labels = np.arange(1000) % 5
    whole, few = (cut(labels, np.arange(1000), validation_fraction=0.25, limit=limit) for limit in (None, 200))
    assert (len(whole.train), len(whole.validation)) == (600, 200)
    assert (len(few.train), len(few.validation), len(few.test)) == (150, 50, 200)


@given(labelings, seeds)
def test_every_prefix_of_a_stratified_order_is_stratified(labels: np.ndarray, seed: int) -> None:
    order = stratified_order(labels, stream("t", seed))
    assert sorted(order) == list(range(len(labels)))
    counts, present = np.bincount(labels), len(np.unique(labels))
    assert len(np.unique(labels[order[:present]])) == present
    for n in range(present, len(labels) + 1):
        taken = np.bincount(labels[order[:n]], minlength=len(counts))
        # One place for the draw inside a stratum, one a class for the head start of each class's first image.
        assert (np.abs(taken - n * counts / len(labels)) <= 1 + present).all()


def test_large_classes_keep_their_shares_to_within_two_images() -> None:
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    order = stratified_order(labels, stream("t", 1))
    for n in (50, 100, 333, 500, 900):
        taken = np.bincount(labels[order[:n]])
        assert np.abs(taken - n * np.array([0.6, 0.3, 0.1])).max() <= 2


@given(pools(), seeds, st.floats(0.05, 0.85))
def test_hold_out_keeps_groups_whole_and_every_class_seen(
    pool: tuple[np.ndarray, np.ndarray], seed: int, share: float
) -> None:
    labels, groups = pool
    held = hold_out(labels, groups, share, stream("t", seed))
    assert not np.isin(groups[held], groups[~held]).any()
    assert held.sum() <= round(share * len(labels))
    leading = np.unique(groups, return_index=True)[1]
    assert set(labels[leading][~held[leading]]) == set(labels[leading])


@given(pools(), seeds, st.one_of(st.none(), st.integers(1, 150)))
def test_no_content_straddles_two_parts(pool: tuple[np.ndarray, np.ndarray], seed: int, limit: int | None) -> None:
    labels, groups = pool
    parts = cut(labels, groups, seed=seed, limit=limit)
    half_a, half_b = parts.validation[parts.half_a], parts.validation[~parts.half_a]
    contents = [set(groups[part]) for part in (parts.train, half_a, half_b, parts.test)]
    assert sum(map(len, contents)) == len(set().union(*contents))
    if limit is None:
        everything = np.concatenate([parts.train, parts.validation, parts.test])
        assert sorted(everything) == list(range(len(labels)))


@given(pools(), st.lists(st.integers(0, 60), max_size=30).map(lambda x: np.array(x, dtype=np.int64)), seeds)
def test_nothing_of_the_data_sets_own_test_part_is_trained_or_validated_on(
    pool: tuple[np.ndarray, np.ndarray], test_groups: np.ndarray, seed: int
) -> None:
    labels, groups = pool
    parts = cut(labels, groups, test_groups=test_groups, seed=seed)
    kept = np.concatenate([parts.train, parts.validation])
    assert not np.isin(groups[kept], test_groups).any()
    assert parts.leaked == np.isin(groups, test_groups).sum()
    assert len(parts.test) == 0


@given(labelings, seeds, st.integers(1, 150), st.integers(1, 150))
@settings(max_examples=50)
def test_limits_are_nested_and_never_move_an_image(labels: np.ndarray, seed: int, a: int, b: int) -> None:
    groups = np.arange(len(labels))
    small, large = (cut(labels, groups, limit=limit, seed=seed) for limit in sorted((a, b)))
    assert set(small.test) == set(large.test)
    assert set(small.train) & set(large.validation) == set()
    assert abs(len(set(small.train) - set(large.train))) == 0
    assert set(small.validation) <= set(large.validation)


@pytest.mark.parametrize(("classes", "each"), [(100, 1), (100, 2), (102, 2), (3, 1), (10, 37)])
def test_halves_are_equal_however_many_classes_there_are(classes: int, each: int) -> None:
    labels = np.repeat(np.arange(classes), each)
    in_a = halve(labels, np.arange(len(labels)), stream("halves", 0))
    assert in_a.sum() == round(len(labels) / 2)
    counts = [np.bincount(labels[half], minlength=classes) for half in (in_a, ~in_a)]
    assert np.abs(counts[0] - counts[1]).max() <= (2 if each > 1 else 1)


@given(pools(), seeds)
def test_halves_keep_groups_whole_and_half_a_lacks_less_than_the_largest_group(
    pool: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    labels, groups = pool
    in_a = halve(labels, groups, stream("t", seed))
    assert not np.isin(groups[in_a], groups[~in_a]).any()
    assert 0 <= round(0.5 * len(labels)) - int(in_a.sum()) < np.bincount(groups).max()


@given(pools(), seeds)
def test_halves_are_those_of_0_1_0_wherever_it_filled_half_a(pool: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    labels, groups = pool
    before = hold_out(labels, groups, 0.5, stream("t", seed))
    if before.sum() == round(0.5 * len(labels)):
        assert (halve(labels, groups, stream("t", seed)) == before).all()


def test_parts_are_stratified_and_halves_equal() -> None:
    labels = np.repeat(np.arange(4), [400, 300, 200, 100])
    parts = cut(labels, np.arange(1000))
    assert np.bincount(labels[parts.test]).tolist() == pytest.approx([80, 60, 40, 20], abs=1)
    assert np.bincount(labels[parts.validation]).tolist() == pytest.approx([64, 48, 32, 16], abs=1)
    assert parts.half_a.sum() == 80


def test_another_seed_is_another_split_and_the_same_seed_the_same() -> None:
    labels = np.repeat(np.arange(4), 50)
    one, again, other = (cut(labels, np.arange(200), seed=seed) for seed in (0, 0, 1))
    assert (one.train == again.train).all()
    assert set(one.test) != set(other.test)


def test_a_class_of_one_content_stays_in_train() -> None:
    labels = np.array([0] * 40 + [1] * 6)
    groups = np.array([*range(40), *[99] * 6])
    assert 1 in labels[cut(labels, groups).train]


def test_equal_bytes_share_a_group_over_all_parts() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 1, 3, 3), dtype=np.uint8)
    pool, test = content_groups(np.concatenate([images, images[2:3]]), images[4:])
    assert pool[6] == pool[2]
    assert test.tolist() == pool[4:6].tolist()
    assert len(set(pool)) == 6


def test_streams_are_the_same_on_every_machine() -> None:
    """Written down once; a change here changes every study's split."""
    assert stream("test", 0).random(3).tolist() == [0.8054209898781017, 0.5310503176948475, 0.6489110935682306]
