"""A folder of photos as a data set whose images are mapped from files."""

from pathlib import Path

from fitscape.study.config import DataConfig
from fitscape.study.data import SealedData

SIDE = 12


def config(folder: Path, **options: object) -> DataConfig:
    return DataConfig.model_validate({"dataset": f"folder:{folder}", "image_size": SIDE, **options})


def folder_of(sealed: SealedData) -> Path:
    return Path(sealed.summary()["folder"])
