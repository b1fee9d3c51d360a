"""Small files in the formats of the published data sets, and torchvision's checksums set to theirs."""

import gzip
import hashlib
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat
from torchvision import datasets

from fitscape.study.data.datasets import fashion_mnist


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def colour(n: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)


def write_cifar(base: Path, published: str, patch: pytest.MonkeyPatch, n: int = 20, *, packed: bool = True) -> Path:
    """The folder of batches of "CIFAR10" or "CIFAR100", n images per batch, and its archive where ``packed``."""
    cls = getattr(datasets, published)
    folder = base / cls.base_folder
    folder.mkdir(parents=True)
    key, classes = ("labels", 10) if published == "CIFAR10" else ("fine_labels", 100)
    for part in ("train_list", "test_list"):
        sums = []
        for name, _ in getattr(cls, part):
            batch = {"data": colour(n, len(name) + len(sums)).reshape(n, -1), key: [i % classes for i in range(n)]}
            (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
            sums.append([name, md5(folder / name)])
        patch.setattr(cls, part, sums)
    meta = folder / cls.meta["filename"]
    meta.write_bytes(pickle.dumps({cls.meta["key"]: [f"class {i}" for i in range(classes)]}, protocol=2))
    patch.setattr(cls, "meta", {**cls.meta, "md5": md5(meta)})
    if packed:
        with tarfile.open(base / cls.filename, "w:gz") as archive:
            archive.add(folder, cls.base_folder)
        patch.setattr(cls, "tgz_md5", md5(base / cls.filename))
    return folder


def write_svhn(folder: Path, patch: pytest.MonkeyPatch, n: int = 40) -> None:
    """The two .mat files; the digit 0 carries the label 10, as published."""
    folder.mkdir(parents=True)
    sums = dict(datasets.SVHN.split_list)
    for part in ("train", "test"):
        url, name, _ = sums[part]
        labels = np.array([[i % 10 + 1] for i in range(n)], dtype=np.uint8)
        savemat(folder / name, {"X": colour(n, len(part)).transpose(2, 3, 1, 0), "y": labels})
        sums[part] = [url, name, md5(folder / name)]
    patch.setattr(datasets.SVHN, "split_list", sums)


def write_fashion_mnist(folder: Path, patch: pytest.MonkeyPatch, n: int = 40, packed: bool = True) -> None:
    """The four idx files, n training and n test images."""
    folder.mkdir(parents=True)
    sums, resources = {}, []
    for seed, part in enumerate(("train", "t10k")):
        images = np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = (np.arange(n) % 10).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            name = f"{part}-{kind}-ubyte"
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">i4").tobytes()
            content = header + array.tobytes()
            sums[name] = hashlib.md5(content).hexdigest()
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(content) if packed else content)
            resources.append((f"{name}.gz", md5(path)))
    patch.setattr(fashion_mnist, "CONTENT_MD5", sums)
    patch.setattr(datasets.FashionMNIST, "resources", resources)
    patch.setattr(fashion_mnist.FashionMNIST, "system", ())
