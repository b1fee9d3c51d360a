"""Folders of images as users have them, and what is read of one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from fitscape.study.config import DataConfig
from fitscape.study.data import SealedData, load

MakeFolder = Callable[..., str]
TWO = {"cat": 30, "dog": 20}


def loaded(dataset: str, **options: object) -> SealedData:
    """The data set, with options of `DataConfig`."""
    return load(DataConfig.model_validate({"dataset": dataset, **options}))


def path_of(dataset: str) -> Path:
    """The folder of ``folder:PATH``."""
    return Path(dataset.removeprefix("folder:"))


def picture(path: Path, size: tuple[int, int], mode: str, seed: int) -> None:
    """Noise, with the folders that lead to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,)}[mode]
    values = np.random.default_rng(seed).integers(256, size=(size[1], size[0], *channels), dtype=np.uint8)
    Image.fromarray(values).save(path)


def grey_folder(root: Path) -> Path:
    """60 grey images of 16x16 in two classes."""
    for i in range(60):
        picture(root / ("cat" if i % 2 else "dog") / f"{i:02}.png", (16, 16), "L", i)
    return root


def truncate(path: Path) -> None:
    """Leave the first half of a file."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
