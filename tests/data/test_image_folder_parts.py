"""An image folder that comes split, or in groups: both are obeyed, and what contradicts itself is refused."""

import pytest
from image_folders import MakeFolder, loaded, path_of

from fitscape.study.config import DataConfig
from fitscape.study.data import check_files
from fitscape.study.errors import UserError

READY = {f"{part}/{kind}": n for part, n in (("Train", 20), ("val", 6), ("testing", 8)) for kind in ("cat", "dog")}


def test_a_ready_split_is_used_as_it_is(make_folder: MakeFolder) -> None:
    dataset = make_folder(READY)
    assert loaded(dataset).summary()["images"] == {"train": 40, "validation": 12, "test": 16}
    assert loaded(dataset).trial_data.classes == ("cat", "dog")
    text = check_files(DataConfig(dataset=dataset)).text
    assert "68 images in 2 classes" in text
    assert "split as given (40 train, 12 validation, 16 test)" in text


def test_validation_is_cut_from_train_where_only_test_is_given(make_folder: MakeFolder) -> None:
    counts = {name: n for name, n in READY.items() if not name.startswith("val")}
    assert loaded(make_folder(counts)).summary()["images"] == {"train": 32, "validation": 8, "test": 16}


def test_folders_below_a_class_are_groups(make_folder: MakeFolder) -> None:
    dataset = make_folder({f"{kind}/{part}": 4 for kind in ("cat", "dog") for part in "abcdefgh"})
    assert check_files(DataConfig(dataset=dataset, groups="folder")).text.endswith(", 16 groups")
    assert loaded(dataset, groups="folder").summary()["images"] == {"train": 44, "validation": 8, "test": 12}


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"train/cat": 20, "train/dog": 20, "test/cat": 9}, "the test part has no image of class dog"),
        ({"train/cat": 20, "train/dog": 20, "test/cat": 9, "test/dogs": 9}, "no image of class dogs"),
        ({"train/cat": 20, "test/cat": 9, "extra/cat": 3}, "which are parts, beside extra"),
        ({"train/cat": 20, "val/cat": 9, "valid/cat": 3}, "two of them are the same part"),
        ({"train/cat": 20, "train/dog": 9}, "holds train alone, which is a part and not a class"),
    ],
)
def test_parts_that_do_not_agree_are_refused(make_folder: MakeFolder, counts: dict[str, int], message: str) -> None:
    with pytest.raises(UserError) as caught:
        check_files(DataConfig(dataset=make_folder(counts)))
    assert message in str(caught.value)


def test_a_class_may_be_called_test(make_folder: MakeFolder) -> None:
    assert loaded(make_folder({"test": 30, "rest": 20})).trial_data.classes == ("rest", "test")


def test_parts_beside_folders_without_images_are_still_parts(make_folder: MakeFolder) -> None:
    dataset = make_folder(READY)
    for name in ("__MACOSX", "annotations"):
        (path_of(dataset) / name / "Train").mkdir(parents=True)
        (path_of(dataset) / name / "Train" / "._0.png").write_bytes(b"\0\5\x16\7")
    assert loaded(dataset).trial_data.classes == ("cat", "dog")
