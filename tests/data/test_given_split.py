"""A split of the user's own, and groups that no cut tears."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitscape.study.data.given_split import SplitPart, joined, split_as_given, straddling
from fitscape.study.data.splits import Split, split

seeds = st.integers(0, 2**31)


@st.composite
def grouped(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, contents with planted copies, and groups of a user that know nothing of the copies."""
    size = draw(st.integers(5, 120))

    def numbers(most: int) -> np.ndarray:
        return np.array(draw(st.lists(st.integers(0, most), min_size=size, max_size=size)))

    return numbers(4), numbers(100), numbers(30)


def cut(labels: np.ndarray, contents: np.ndarray, groups: np.ndarray, parts: np.ndarray, **changed: object) -> Split:
    options = {"validation_fraction": 0.2, "test_fraction": 0.2, "limit": None, "seed": 0, **changed}
    return split_as_given(labels, contents, groups, parts, **options)  # type: ignore[arg-type]


def pieces(found: Split) -> list[np.ndarray]:
    return [found.train, found.validation[found.half_a], found.validation[~found.half_a], found.test]


@given(grouped())
@settings(deadline=None)
def test_joined_groups_tear_none_and_are_no_coarser_than_needed(
    pool: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    _, contents, groups = pool
    together = joined(contents, groups)
    # The definition, spelt out: spread each image's number over its groups until nothing changes.
    expected, before = np.arange(len(contents)), np.zeros(0)
    while len(before) == 0 or (expected != before).any():
        before = expected.copy()
        for grouping in (contents, groups):
            for group in np.unique(grouping):
                expected[grouping == group] = expected[grouping == group].min()
    assert (
        len(np.unique(np.stack([together, expected]), axis=1).T) == len(np.unique(together)) == len(np.unique(expected))
    )


@given(grouped(), seeds, st.one_of(st.none(), st.integers(1, 120)))
def test_no_group_lies_in_two_parts_or_halves(
    pool: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int, limit: int | None
) -> None:
    labels, contents, groups = pool
    together = joined(contents, groups)
    found = split(labels, together, None, validation_fraction=0.25, test_fraction=0.2, limit=limit, seed=seed)
    for grouping in (groups, contents):
        sets = [set(grouping[part]) for part in pieces(found)]
        assert sum(map(len, sets)) == len(set().union(*sets))


@given(grouped(), seeds, st.lists(st.sampled_from(list(SplitPart)), min_size=120, max_size=120))
@settings(max_examples=200)
def test_given_parts_are_kept_and_no_content_lies_in_two(
    pool: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int, drawn: list[SplitPart]
) -> None:
    labels, contents, groups = pool
    parts = np.array(drawn[: len(labels)], dtype=np.int8)
    found = cut(labels, contents, joined(contents, groups), parts, seed=seed)
    sets = [set(contents[part]) for part in (found.train, found.validation, found.test)]
    assert sum(map(len, sets)) == len(set().union(*sets))
    assert found.leaked + len(found.train) + len(found.validation) + len(found.test) == len(labels)
    given_test, given_validation = parts == SplitPart.TEST, parts == SplitPart.VALIDATION
    if given_test.any():
        assert (found.test == np.flatnonzero(given_test)).all()
    if given_validation.any():
        assert set(found.validation) <= set(np.flatnonzero(given_validation))
    assert not set(found.train) & set(np.flatnonzero(given_test | given_validation))


def test_a_whole_split_is_used_as_it_is() -> None:
    labels = np.tile(np.arange(4), 25)
    parts = np.repeat([SplitPart.TRAIN, SplitPart.VALIDATION, SplitPart.TEST], [60, 20, 20]).astype(np.int8)
    found = cut(labels, np.arange(100), np.arange(100), parts)
    assert [p.tolist() for p in (found.train, found.validation, found.test)] == [
        list(range(60)),
        list(range(60, 80)),
        list(range(80, 100)),
    ]
    assert found.half_a.sum() == 10
    assert found.leaked == 0


def test_validation_is_cut_from_train_by_whole_groups_where_only_test_is_given() -> None:
    labels, groups = np.tile(np.arange(2), 60), np.repeat(np.arange(30), 4)
    parts = np.where(np.arange(120) < 80, SplitPart.TRAIN, SplitPart.TEST).astype(np.int8)
    found = cut(labels, np.arange(120), groups, parts)
    assert found.test.tolist() == list(range(80, 120))
    assert len(found.validation) == 16
    assert not set(groups[found.validation]) & set(groups[found.train])


def test_test_is_cut_from_train_where_only_validation_is_given() -> None:
    parts = np.where(np.arange(120) < 80, SplitPart.TRAIN, SplitPart.VALIDATION).astype(np.int8)
    found = cut(np.tile(np.arange(2), 60), np.arange(120), np.arange(120), parts)
    assert found.validation.tolist() == list(range(80, 120))
    assert len(found.test) == 16
    assert set(found.test) <= set(range(80))


def test_a_copy_of_a_held_out_image_is_not_trained_on() -> None:
    contents = np.arange(40)
    contents[0], contents[1] = contents[39], contents[25]  # copies of a test and of a validation image
    parts = np.repeat([SplitPart.TRAIN, SplitPart.VALIDATION, SplitPart.TEST], [20, 10, 10]).astype(np.int8)
    found = cut(np.tile(np.arange(2), 20), contents, contents, parts)
    assert set(found.train) == set(range(2, 20))
    assert found.leaked == 2


@pytest.mark.parametrize(
    ("groups", "parts", "torn"),
    [([0, 0, 1, 1], [0, 2, 0, 0], [0]), ([0, 0, 1, 1], [0, -1, 2, 2], []), ([5, 5], [1, 0], [5])],
)
def test_groups_in_two_given_parts_are_found(groups: list[int], parts: list[int], torn: list[int]) -> None:
    assert straddling(np.array(groups), np.array(parts, dtype=np.int8)).tolist() == torn
