"""Folds: index arithmetic on arbitrary labels and groups, and what trials of other seeds are given."""

import pickle
from pathlib import Path

import inspection
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fitscape.study.config import DataConfig
from fitscape.study.data import SealedData, check_files, load
from fitscape.study.data.datasets import get
from fitscape.study.data.folds import ring
from fitscape.study.data.place import place
from fitscape.study.data.splits import split, spread, stream
from fitscape.study.errors import UserError

counts = st.integers(2, 7)
seeds = st.integers(0, 2**31)


@st.composite
def pools(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and groups of one class each."""
    groups = np.array(draw(st.lists(st.integers(0, 40), min_size=1, max_size=150)))
    of_group = np.array(draw(st.lists(st.integers(0, 4), min_size=41, max_size=41)))
    return of_group[groups], groups


@given(pools(), counts, seeds)
def test_folds_keep_groups_whole_and_differ_by_a_group_in_every_class(
    pool: tuple[np.ndarray, np.ndarray], folds: int, seed: int
) -> None:
    labels, groups = pool
    fold = spread(labels, groups, folds, stream("folds", seed))
    assert all(len(np.unique(fold[groups == group])) == 1 for group in np.unique(groups))
    for one in np.unique(labels):
        images = np.bincount(fold[labels == one], minlength=folds)
        assert images.max() - images.min() <= np.bincount(groups[labels == one]).max()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=150).map(np.array), counts, seeds)
def test_without_groups_folds_are_as_large_as_each_other_in_each_class_and_in_all(
    labels: np.ndarray, folds: int, seed: int
) -> None:
    fold = spread(labels, np.arange(len(labels)), folds, stream("folds", seed))
    for images in (
        np.bincount(fold[mine], minlength=folds) for mine in (*(labels == c for c in range(6)), labels >= 0)
    ):
        assert images.max() - images.min() <= 1


@given(pools(), counts, seeds, st.one_of(st.none(), st.integers(1, 150)))
def test_test_is_that_of_a_study_without_folds_and_each_image_is_held_out_once(
    pool: tuple[np.ndarray, np.ndarray], folds: int, seed: int, limit: int | None
) -> None:
    labels, groups = pool
    sizes = {"validation_fraction": 0.3, "test_fraction": 0.2, "seed": seed}
    plain, found = (split(labels, groups, None, **sizes, limit=limit, folds=k) for k in (None, folds))
    assert (found.test == plain.test).all()
    held = np.concatenate(found.folds)
    assert len(np.unique(held)) == len(held) == len(found.half_a) == len(plain.train) + len(plain.validation)
    assert not np.isin(groups[held], groups[found.test]).any()


@given(st.lists(st.integers(1, 6), min_size=2, max_size=8))
def test_every_fold_and_its_complement_are_a_stretch_of_the_ring(sizes: list[int]) -> None:
    ends = np.cumsum(sizes)
    folds = tuple(np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True))
    order, total = ring(folds), ends[-1]
    assert (order[:total] == np.arange(total)).all()
    for fold, end in zip(folds[:-1], ends[:-1], strict=True):
        assert sorted([*order[end : end + total - len(fold)], *fold]) == list(range(total))


@pytest.fixture
def folded(data_folder: Path) -> SealedData:
    return load(DataConfig(limit=300, folds=5))


def contents(images: torch.Tensor) -> set[bytes]:
    return {image.numpy().tobytes() for image in images}


def test_a_trial_validates_on_the_fold_of_its_seed_and_sees_the_others(folded: SealedData) -> None:
    data = folded.trial_data
    held = [contents(data.of_seed(seed).val_images) for seed in range(5)]
    assert set.union(*held) == contents(data.held_out)
    assert sum(map(len, held)) == len(contents(data.held_out))
    for seed in range(7):
        mine = data.of_seed(seed)
        assert contents(mine.val_images) == held[seed % 5]
        assert contents(mine.train_images) == set.union(*held) - held[seed % 5]
        assert len(mine.train_labels) == len(mine.train_moments) == len(mine.train_images)
        assert mine.val_half.any()
        assert not mine.val_half.all()
        # No copy, and no way back to the whole.
        assert mine.train_images.untyped_storage().data_ptr() == data.train_images.untyped_storage().data_ptr()
        assert mine.of_seed(seed + 1) is mine


def test_the_test_part_is_the_same_and_stays_out_of_what_travels(folded: SealedData) -> None:
    test = folded.open_test("to compare").images
    assert contents(test) == contents(load(DataConfig(limit=300)).open_test("to compare").images)
    payload = pickle.dumps(folded.trial_data)
    assert not any(image.numpy().tobytes() in payload for image in test if image.any())
    again = pickle.loads(payload)
    for seed in range(5):
        one, other = (data.of_seed(seed).to_arrays() for data in (folded.trial_data, again))
        assert all(np.array_equal(value, other[name]) for name, value in one.items())


def test_folds_are_read_back_from_the_cache_and_key_it(folded: SealedData) -> None:
    again = load(folded.config)
    assert again.fingerprint == folded.fingerprint != load(DataConfig(limit=300)).fingerprint
    assert torch.equal(again.trial_data.of_seed(3).val_images, folded.trial_data.of_seed(3).val_images)
    kept = folded.images()["validation"]
    assert len(kept.hashes) == len(np.unique(kept.hashes)) == len(folded.trial_data.held_out)
    assert (kept.labels == folded.trial_data.folds.labels[: len(kept.labels)].numpy()).all()
    places = {place(config, get(config)) for config in (DataConfig(folds=k) for k in (None, 2, 3))}
    assert len(places) == 3


def test_frames_of_a_part_are_in_one_fold(tmp_path: Path, data_folder: Path) -> None:
    rows = pd.DataFrame(inspection.write(tmp_path / "parts", size=16))
    rows.drop(columns="split").to_csv(tmp_path / "parts" / "list.csv", index=False)
    config = DataConfig(dataset=f"csv:{tmp_path}/parts/list.csv", image_size=16, folds=3, metric="balanced_error")
    sealed = load(config)
    folds = sealed.trial_data.folds
    groups = [set(sealed.trial_data.of_seed(k).val_groups.tolist()) for k in range(3)]
    assert len(set.union(*groups)) == sum(map(len, groups))
    assert max(folds.sizes) - min(folds.sizes) <= 8 * 7
    assert np.array(sealed.summary()["folds"]).min() > 0


@pytest.mark.parametrize(
    ("columns", "changed", "expected"),
    [
        (["split"], {}, "data.folds: the images have a validation part of their own"),
        ([], {"groups": "label"}, "data.folds: all images of class"),
        ([], {"folds": 20, "limit": 60}, "data.folds: fold 0 would hold 3 images"),
        (["group"], {"folds": 9, "metric": "balanced_error"}, "balanced_error needs every class in each fold"),
    ],
)
def test_folds_that_cannot_be_are_refused(
    tmp_path: Path, data_folder: Path, columns: list[str], changed: dict[str, object], expected: str
) -> None:
    rows = pd.DataFrame(inspection.write(tmp_path / "parts", size=16))[["path", "label", *columns]]
    rows.to_csv(tmp_path / "parts" / "list.csv", index=False)
    asked = {"dataset": f"csv:{tmp_path}/parts/list.csv", "image_size": 16, "folds": 4, **changed}
    config = DataConfig.model_validate(asked)
    for attempt in (check_files, load):  # from the labels alone, and once all is read
        with pytest.raises(UserError) as refused:
            attempt(config)
        assert expected in str(refused.value)


def test_a_given_split_is_refused_before_an_image_is_decoded(tmp_path: Path, data_folder: Path) -> None:
    rows = inspection.write(tmp_path / "parts", size=16, split=True)
    config = DataConfig(dataset=f"folder:{tmp_path}/parts", folds=3)
    with pytest.raises(UserError, match="validation part of their own"):
        check_files(config)
    for row in rows:  # a given test part alone is sealed as any other
        if row["split"] == "val":
            (tmp_path / "parts" / row["path"]).unlink()
    sealed = load(config.model_copy(update={"image_size": 16}))
    assert sealed.summary()["images"]["test"] == sum(row["split"] == "test" for row in rows)
