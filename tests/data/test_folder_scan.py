"""The folders below a user's folder: links are followed once, and what cannot be read is named."""

import os
from pathlib import Path

import pytest
from image_folders import grey_folder, picture

from fitscape.study.config import DataConfig
from fitscape.study.data import check_files
from fitscape.study.errors import UserError


def test_linked_subfolders_are_followed(tmp_path: Path) -> None:
    root = grey_folder(tmp_path / "photos")
    for i in range(5):
        picture(tmp_path / "elsewhere" / "deep" / f"{i}.png", (16, 16), "L", 100 + i)
    (root / "cat" / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "bird").symlink_to(tmp_path / "elsewhere" / "deep", target_is_directory=True)
    assert check_files(DataConfig(dataset=f"folder:{root}")).text.startswith("70 images in 3 classes")


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    root = grey_folder(tmp_path / "photos")
    (root / "cat" / "up").symlink_to(root)
    (root / "cat" / "here").symlink_to(".")
    (root / "cat" / "across").symlink_to(root / "dog")
    (root / "dog" / "back").symlink_to(root / "cat")
    text = check_files(DataConfig(dataset=f"folder:{root}")).text
    assert text.startswith("120 images in 2 classes")  # each class beside itself once, by way of the other's link
    assert "link to a folder that it lies in" in text


@pytest.mark.parametrize(
    ("one", "other"),
    [(os.fsdecode(b"d\xf6g"), "d\\xf6g"), ("caf\u00e9", "cafe\u0301")],
    ids=["bytes that are no UTF-8 against their escape", "composed against decomposed"],
)
def test_folders_whose_names_are_equal_as_text_are_refused(tmp_path: Path, one: str, other: str) -> None:
    root = grey_folder(tmp_path / "photos")
    for name in (one, other):
        picture(root / name / "a.png", (16, 16), "L", 7)
    with pytest.raises(UserError, match="two folders whose names read"):
        check_files(DataConfig(dataset=f"folder:{root}"))


@pytest.mark.parametrize("unreadable", ["cat/more", "bird"])
def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unreadable: str
) -> None:
    root = grey_folder(tmp_path / "photos")
    picture(root / unreadable / "a.png", (16, 16), "L", 7)
    scandir = os.scandir

    def refuse(path: str) -> object:  # root may read everything, and the tests may run as root
        if str(path) == str(root / unreadable):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    text = check_files(DataConfig(dataset=f"folder:{root}")).text
    assert f"{unreadable}: folder cannot be read: Permission denied" in text


def test_a_root_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = grey_folder(tmp_path / "photos")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UserError, match="photos cannot be read: Permission denied"):
        check_files(DataConfig(dataset=f"folder:{root}"))
