"""CIFAR-10 and CIFAR-100 by torchvision's classes, from its folder of batches or its archive."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fitscape.study.data.datasets.published import PublishedSource
from fitscape.study.data.datasets.source import RawData


class CIFAR10(PublishedSource):
    """60,000 colour images of 32x32 (Krizhevsky 2009); its own test part of 10,000."""

    name = "cifar10"
    description = "50000 + 10000 colour images, 32x32, 10 classes; 170 MB"
    classes: ClassVar[tuple[str, ...]] = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )
    members = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
    inside = ("cifar-10-batches-py",)
    archive = "cifar-10-python.tar.gz"
    megabytes = 170
    torchvision_class = "CIFAR10"

    def fetch(self, to: Path, archive: Path | None) -> None:
        from torchvision.datasets.utils import check_integrity, extract_archive

        published = self._torchvision()
        if archive is None:
            published(to, download=True)
            (to / self.archive).unlink()
        elif check_integrity(archive, published.tgz_md5):
            extract_archive(archive, to)
        else:
            raise self.damaged(archive, "its checksum is not the published one")

    def read(self, image_size: int | None) -> RawData:
        folder = self.files()[0].parent
        # The batches are pickles of foreign origin, and unpickling runs what they say. torchvision checks the MD5 of
        # each one before it unpickles any and refuses all others, so only the published files get that far.
        verified = type(self.torchvision_class, (self._torchvision(),), {"base_folder": folder.name})
        try:
            train, test = verified(folder.parent, train=True), verified(folder.parent, train=False)
        except RuntimeError as error:
            raise self.damaged(folder, error) from error
        return RawData(
            images=np.ascontiguousarray(train.data.transpose(0, 3, 1, 2)),
            labels=np.array(train.targets, dtype=np.int64),
            test_images=np.ascontiguousarray(test.data.transpose(0, 3, 1, 2)),
            test_labels=np.array(test.targets, dtype=np.int64),
            classes=tuple(train.classes),
        )

    def _torchvision(self) -> Any:
        from torchvision import datasets

        return getattr(datasets, self.torchvision_class)


class CIFAR100(CIFAR10):
    """60,000 colour images of 32x32 (Krizhevsky 2009), the 100 fine classes; its own test part of 10,000."""

    name = "cifar100"
    description = "50000 + 10000 colour images, 32x32, 100 classes; 170 MB"
    classes = ()  # they are in one of its files
    members = ("train", "test", "meta")
    inside = ("cifar-100-python",)
    archive = "cifar-100-python.tar.gz"
    torchvision_class = "CIFAR100"
