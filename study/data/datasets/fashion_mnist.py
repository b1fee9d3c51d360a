"""Fashion-MNIST from its four idx files, wherever they lie, packed or not."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from study.data.datasets.download import download
from study.data.datasets.source import Images, Labels, Presence, RawData, Source, data_folder, places
from study.errors import UserError

# MD5 of the unpacked files: distributors pack them anew, so that torchvision's sums of the .gz do not hold.
CONTENT_MD5 = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}
DEBIAN = "/usr/share/datasets/fashion-mnist"  # package dataset-fashion-mnist


class FashionMNIST(Source):
    """70,000 grey images of clothing, 28x28 (Xiao et al. 2017); its own test part of 10,000."""

    name = "fashion_mnist"
    description = "60000 + 10000 images of clothing, 28x28 grey, 10 classes; 30 MB"

    def presence(self) -> Presence:
        found = self._find()
        if found is None:
            return Presence(self.name, None, f"would be downloaded to {self._target()} (30 MB)", download=True)
        return Presence(self.name, found, f"found in {found}")

    def files(self) -> list[Path]:
        from torchvision import datasets

        folder = self._find()
        if folder is None:
            download(self.name, self._target(), lambda to: datasets.FashionMNIST(to, download=True))
            folder = self._find()
            assert folder is not None, "the download is where places() looks"
        return _in(folder)

    def read(self, image_size: int | None) -> RawData:
        from torchvision import datasets

        contents = [_unpacked(path) for path in self.files()]
        train_images, train_labels, test_images, test_labels = (_parse_idx(content) for content in contents)
        return RawData(
            images=_images(train_images),
            labels=_labels(train_labels),
            test_images=_images(test_images),
            test_labels=_labels(test_labels),
            classes=tuple(datasets.FashionMNIST.classes),
        )

    def _find(self) -> Path | None:
        inside = ("FashionMNIST/raw", "raw", "fashion_mnist/FashionMNIST/raw", "fashion_mnist", "fashion-mnist")
        for folder in places(self.root, *inside, system=(DEBIAN,)):
            if len(_in(folder)) == len(CONTENT_MD5):
                return folder
        return None

    def _target(self) -> Path:
        return data_folder(self.root) / self.name


def _in(folder: Path) -> list[Path]:
    """The files present in a folder, in CONTENT_MD5's order, unpacked rather than packed."""
    either = ((folder / name, folder / f"{name}.gz") for name in CONTENT_MD5)
    return [next(path for path in pair if path.is_file()) for pair in either if any(p.is_file() for p in pair)]


def _unpacked(path: Path) -> bytes:
    """The content, verified.

    Raises:
        UserError: the file is cut short or altered.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read: {error}", where="data.dataset", mend="remove it") from error
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != CONTENT_MD5[path.name.removesuffix(".gz")]:
        raise UserError(f"{path} does not have its known checksum", where="data.dataset", mend="remove it")
    return content


def _parse_idx(content: bytes) -> NDArray[np.uint8]:
    """idx of unsigned bytes: two zero bytes, type 8, the number of dimensions, each size as big-endian int32."""
    dimensions = content[3]
    shape = np.frombuffer(content, dtype=">i4", count=dimensions, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _images(array: NDArray[np.uint8]) -> Images:
    return array[:, None]


def _labels(array: NDArray[np.uint8]) -> Labels:
    return array.astype(np.int64)
