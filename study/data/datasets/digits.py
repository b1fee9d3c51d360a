"""Handwritten digits, embedded in scikit-learn: the default, without any download."""

from pathlib import Path

import numpy as np

from fitscape.study.data.datasets.source import Presence, RawData, Source


class Digits(Source):
    """1797 grey images of 8x8 in 17 levels (Alpaydin & Kaynak 1998, UCI); no test part of its own."""

    name = "digits"
    classes = tuple(str(digit) for digit in range(10))
    description = "1797 handwritten digits, 8x8 grey, 10 classes; built in"

    def presence(self) -> Presence:
        return Presence(self.name, None, "built in")

    def files(self) -> list[Path]:
        return []

    def read(self, image_size: int | None) -> RawData:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[:, None]
        return RawData(images=images, labels=digits.target.astype(np.int64), classes=self.classes)
