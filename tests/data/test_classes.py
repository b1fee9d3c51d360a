"""Studies on some of a data set's classes."""

from collections.abc import Callable

import numpy as np
import pytest

from fitscape.study.config import DataConfig
from fitscape.study.data import check_files, load
from fitscape.study.data.classes import of_classes
from fitscape.study.data.datasets.source import RawData
from fitscape.study.errors import UserError


def test_the_kept_classes_are_numbered_in_the_order_asked_for_in_every_part() -> None:
    sealed, whole = load(DataConfig(classes=("7", 3))), load(DataConfig())
    data, summary = sealed.trial_data, sealed.summary()
    assert data.classes == ("7", "3")
    assert summary["images_by_class"]["train"][0] + summary["images_by_class"]["validation"][0] > 100
    everything = {
        image.numpy().tobytes(): whole.trial_data.classes[int(label)]
        for images, labels in (
            (whole.trial_data.train_images, whole.trial_data.train_labels),
            (whole.trial_data.val_images, whole.trial_data.val_labels),
            whole.open_test("which class is it?")[:2],
        )
        for image, label in zip(images, labels, strict=True)
    }
    test = sealed.open_test("are its classes the kept ones?")
    for images, labels in ((data.train_images, data.train_labels), (test.images, test.labels)):
        assert {data.classes[int(label)] for label in labels} == {"7", "3"}
        assert all(
            everything[image.numpy().tobytes()] == data.classes[int(label)]
            for image, label in zip(images, labels, strict=True)
        )
    assert sum(summary["images"].values()) == 362
    assert "images of 8 other classes are left out" in " ".join(summary["notes"])
    assert sealed.fingerprint != load(DataConfig(classes=("3", "7"))).fingerprint


def test_all_classes_are_the_same_data_as_before_there_was_a_choice() -> None:
    assert load(DataConfig(classes=tuple(range(10)))).fingerprint == load(DataConfig()).fingerprint


def test_parts_groups_and_files_go_with_their_images() -> None:
    labels = np.array([0, 1, 2, 1, 0, 2])
    raw = RawData(
        images=np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1),
        labels=labels,
        classes=("ant", "bee", "cow"),
        test_images=np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1),
        test_labels=np.array([2, 1, 0]),
        parts=np.arange(6, dtype=np.int8),
        groups=np.arange(6) * 10,
        names=tuple("abcdef"),
    )
    kept = of_classes(raw, ("cow", "ant"))
    assert kept.labels.tolist() == [1, 0, 1, 0]
    assert kept.images.ravel().tolist() == [0, 2, 4, 5]
    assert kept.parts is not None
    assert kept.parts.tolist() == [0, 2, 4, 5]
    assert kept.groups is not None
    assert kept.groups.tolist() == [0, 20, 40, 50]
    assert kept.names == ("a", "c", "e", "f")
    assert kept.test_images is not None
    assert kept.test_images.ravel().tolist() == [0, 2]
    assert kept.test_labels is not None
    assert kept.test_labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("dataset", "classes", "said"),
    [
        ("fashion_mnist", ("Bag", "Purse"), "no class is called 'Purse'"),
        ("digits", (3, 10), "no class is called '10'"),
        ("cifar10", ("cat", 3), "cat is chosen twice"),
    ],
)
def test_an_unknown_class_is_refused_before_any_image_is_read(
    dataset: str, classes: tuple[str | int, ...], said: str
) -> None:
    with pytest.raises(UserError, match=f"data.classes: {said}"):
        check_files(DataConfig(dataset=dataset, classes=classes))


def test_of_an_image_folder_only_the_kept_classes_are_counted(make_folder: Callable[..., str]) -> None:
    dataset = make_folder({"1": 12, "2": 14, "cat": 30})
    counts = check_files(DataConfig(dataset=dataset, classes=("cat", 1))).counts
    assert counts is not None
    assert counts.classes == ("cat", "1")
    assert np.bincount(counts.labels).tolist() == [30, 12]
    assert load(DataConfig(dataset=dataset, classes=("cat", 1))).summary()["images_by_class"]["train"] == [19, 8]
    with pytest.raises(UserError, match="no class is called 'dog'"):
        check_files(DataConfig(dataset=dataset, classes=("cat", "dog")))
