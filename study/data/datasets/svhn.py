"""Street View House Numbers, cropped digits, by torchvision's class, from its two .mat files."""

from pathlib import Path

import numpy as np

from fitscape.study.data.datasets.published import PublishedSource
from fitscape.study.data.datasets.source import RawData


class SVHN(PublishedSource):
    """99,289 colour images of 32x32 (Netzer et al. 2011), without the extra part; its own test part of 26,032."""

    name = "svhn"
    description = "73257 + 26032 colour images of house numbers, 32x32, 10 classes; 250 MB"
    classes = tuple(str(digit) for digit in range(10))
    members = ("train_32x32.mat", "test_32x32.mat")
    inside = ("SVHN",)
    megabytes = 250

    def fetch(self, to: Path, archive: Path | None) -> None:
        from torchvision import datasets

        for part in ("train", "test"):
            url, filename, md5 = datasets.SVHN.split_list[part]
            datasets.utils.download_url(url, to, filename, md5)

    def read(self, image_size: int | None) -> RawData:
        from torchvision import datasets

        folder = self.files()[0].parent
        try:
            train, test = (datasets.SVHN(folder, split=part) for part in ("train", "test"))
        except RuntimeError as error:
            raise self.damaged(folder, error) from error
        return RawData(
            images=np.ascontiguousarray(train.data),
            labels=train.labels,
            test_images=np.ascontiguousarray(test.data),
            test_labels=test.labels,
            classes=self.classes,
        )
