"""Fashion-MNIST from its four idx files, wherever they lie, packed or not."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fitscape.study.data.datasets.published import PublishedSource
from fitscape.study.data.datasets.source import RawData

# MD5 of the unpacked files: distributors pack them anew, so that torchvision's sums of the .gz do not hold.
CONTENT_MD5 = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}


class FashionMNIST(PublishedSource):
    """70,000 grey images of clothing, 28x28 (Xiao et al. 2017); its own test part of 10,000."""

    name = "fashion_mnist"
    description = "60000 + 10000 images of clothing, 28x28 grey, 10 classes; 30 MB"
    classes = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )
    members = tuple(CONTENT_MD5)
    inside = ("FashionMNIST/raw", "raw", "fashion-mnist")
    system = ("/usr/share/datasets/fashion-mnist",)  # Debian's package dataset-fashion-mnist
    megabytes = 30

    def fetch(self, to: Path, archive: Path | None) -> None:
        from torchvision import datasets

        datasets.FashionMNIST(to, download=True)

    def members_in(self, folder: Path) -> list[Path]:
        either = ([folder / member, folder / f"{member}.gz"] for member in self.members)
        return [next(p for p in pair if p.is_file()) for pair in either if any(p.is_file() for p in pair)]

    def read(self, image_size: int | None) -> RawData:
        train_images, train_labels, test_images, test_labels = (self._array(path) for path in self.files())
        return RawData(
            images=train_images[:, None],
            labels=train_labels.astype(np.int64),
            test_images=test_images[:, None],
            test_labels=test_labels.astype(np.int64),
            classes=self.classes,
        )

    def _array(self, path: Path) -> NDArray[np.uint8]:
        """A verified file's array; idx: two zeros, type, number of dimensions, each as big-endian int32, bytes."""
        try:
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        except (OSError, EOFError, zlib.error) as error:
            raise self.damaged(path, error) from error
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != CONTENT_MD5[path.name.removesuffix(".gz")]:
            raise self.damaged(path, "its checksum is not the published one")
        shape = np.frombuffer(content, dtype=">i4", count=content[3], offset=4)
        return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
