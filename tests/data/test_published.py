"""Published data sets from files that are already there, in every usual layout."""

import gzip
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from published_files import colour, write_cifar, write_fashion_mnist, write_svhn

from fitscape.study.config import DataConfig
from fitscape.study.data import SealedData, check_files, load
from fitscape.study.errors import UserError


def loaded(dataset: str, root: Path) -> SealedData:
    return load(DataConfig(dataset=dataset, root=str(root)))


@pytest.mark.parametrize(
    ("dataset", "published", "images"),
    [("cifar10", "CIFAR10", (80, 20, 20)), ("cifar100", "CIFAR100", (160, 40, 200))],
)
@pytest.mark.parametrize("layout", ["parent", "itself", "renamed", "archive"])
def test_cifar_is_read_from_its_folder_or_archive(
    dataset: str,
    published: str,
    images: tuple[int, int, int],
    layout: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_cifar(tmp_path / "disk", published, monkeypatch, n=20 if dataset == "cifar10" else 200)
    root = folder.parent
    if layout == "itself":
        root = folder
    elif layout == "renamed":
        root = folder.rename(tmp_path / "elsewhere")
    elif layout == "archive":
        shutil.rmtree(folder)
        assert "would be unpacked" in check_files(DataConfig(dataset=dataset, root=str(root))).text
    sealed = loaded(dataset, root)
    assert tuple(sealed.summary()["images"].values()) == images
    assert sealed.trial_data.input_shape == (3, 32, 32)
    assert sealed.trial_data.classes[3] == "class 3"
    if dataset == "cifar10":
        expected = torch.from_numpy(colour(20, len("test_batch")))
        assert torch.equal(sealed.open_test("layout").images, expected)


def test_an_altered_cifar_batch_is_refused_before_it_is_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "owned"),)

    folder = write_cifar(tmp_path / "disk", "CIFAR10", monkeypatch)
    for name in ("data_batch_2", "batches.meta"):
        good = (folder / name).read_bytes()
        (folder / name).write_bytes(pickle.dumps(Payload()))
        with pytest.raises(UserError, match="is damaged"):
            loaded("cifar10", folder)
        (folder / name).write_bytes(good)
    assert not (tmp_path / "owned").exists()
    assert loaded("cifar10", folder).trial_data.val_half.any()


def test_an_altered_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_cifar(tmp_path / "disk", "CIFAR10", monkeypatch)
    shutil.rmtree(folder)
    (folder.parent / "cifar-10-python.tar.gz").write_bytes(b"not the published one")
    with pytest.raises(UserError, match=r"cifar-10-python\.tar\.gz is damaged"):
        loaded("cifar10", folder.parent)


@pytest.mark.parametrize("inside", ["", "SVHN", "svhn"])
def test_svhn_is_read_from_its_mat_files(inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_svhn(tmp_path / "disk" / inside, monkeypatch)
    sealed = loaded("svhn", tmp_path / "disk")
    assert sealed.summary()["images"] == {"train": 32, "validation": 8, "test": 40}
    test = sealed.open_test("layout")
    assert torch.equal(test.images, torch.from_numpy(colour(40, len("test"))))
    assert test.labels[:10].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("inside", ["", "FashionMNIST/raw", "raw", "fashion_mnist"])
def test_fashion_mnist_is_read_packed_or_not_in_each_layout(
    inside: str, packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fashion_mnist(tmp_path / "disk" / inside, monkeypatch, packed=packed)
    assert check_files(DataConfig(dataset="fashion_mnist", root=str(tmp_path / "disk"))).folder
    assert loaded("fashion_mnist", tmp_path / "disk").summary()["images"]["test"] == 40


@pytest.mark.parametrize("damage", ["cut", "altered"])
def test_a_damaged_idx_file_is_named(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fashion_mnist(tmp_path / "disk", monkeypatch)
    path = tmp_path / "disk/train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage == "cut" else gzip.compress(b"other"))
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz is damaged"):
        loaded("fashion_mnist", tmp_path / "disk")


def test_touched_files_are_read_again_and_have_the_same_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fashion_mnist(tmp_path / "disk", monkeypatch)
    before = loaded("fashion_mnist", tmp_path / "disk")
    os.utime(tmp_path / "disk/train-images-idx3-ubyte.gz", (0, 0))
    after = loaded("fashion_mnist", tmp_path / "disk")
    assert after.summary()["folder"] != before.summary()["folder"]
    assert after.fingerprint == before.fingerprint


def test_training_images_that_the_test_part_holds_are_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both parts from one seed: every training image is a test image."""
    from fitscape.study.data.datasets.cifar import CIFAR10
    from fitscape.study.data.datasets.source import RawData

    pool = colour(100, 1)
    labels = torch.arange(100).numpy() % 10
    raw = RawData(
        images=pool,
        labels=labels,
        test_images=pool[:30],
        test_labels=labels[:30],
        classes=tuple(map(str, range(10))),
    )
    folder = write_cifar(tmp_path / "disk", "CIFAR10", monkeypatch)
    monkeypatch.setattr(CIFAR10, "read", lambda self, size: raw)
    summary = loaded("cifar10", folder).summary()
    assert summary["images"] == {"train": 56, "validation": 14, "test": 30}
    assert "30 images left out of train: the test part holds them too" in summary["notes"]
