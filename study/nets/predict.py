"""What a written net says of picture files, decoded as the study's own files are."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fitscape.study.data.datasets.decoding import decode
from fitscape.study.errors import UserError
from fitscape.study.files import NETS
from fitscape.study.nets.network import Pictures
from fitscape.study.nets.write import CLASSES, EXPORTED, PREPROCESS


@dataclass(frozen=True)
class FilePrediction:
    """Of one file: classes with their probabilities, the likeliest first; or why it cannot be read."""

    file: str
    probabilities: tuple[tuple[str, float], ...]
    problem: str = ""


def predict(folder: Path, files: Sequence[Path]) -> Iterator[FilePrediction]:
    """One prediction a file, in their order.

    Raises:
        UserError: ``folder`` holds no net.
    """
    folder = net_folder(folder)
    classes = json.loads((folder / CLASSES).read_text())
    how = json.loads((folder / PREPROCESS).read_text())
    net = torch.export.load(folder / EXPORTED).module()
    shape = how["channels"], how["resize"]["height"], how["resize"]["width"]
    for file in files:
        pixels = np.zeros(shape, dtype=np.uint8)
        problem = decode(file, pixels) if file.is_file() else "is not there"
        if problem:
            yield FilePrediction(str(file), (), problem)
            continue
        with torch.inference_mode():
            probabilities = net(torch.from_numpy(pixels)[None]).softmax(1)[0]
        order = probabilities.argsort(descending=True).tolist()
        yield FilePrediction(str(file), tuple((classes[i], float(probabilities[i])) for i in order))


def example(folder: Path, net: Pictures) -> tuple[Tensor, tuple[str, ...]]:
    """Two blank pictures uint8 [2, C, H, W] of the size that the net was trained on, and its classes."""
    classes = json.loads((folder / CLASSES).read_text())
    return torch.zeros(2, net.channels, *net.size, dtype=torch.uint8), tuple(classes)


def net_folder(path: Path) -> Path:
    """A net's folder, or that of the only net of a study's folder.

    Raises:
        UserError: there is none, or several.
    """
    if (path / EXPORTED).is_file():
        return path
    found = sorted(file.parent for file in (path / NETS).glob(f"*/{EXPORTED}"))
    if not found:
        raise UserError("holds no net", where=str(path), fix="fitscape net NAME --recommended writes one")
    if len(found) > 1:
        names = ", ".join(str(folder) for folder in found)
        raise UserError("holds several nets", where=str(path), fix=f"name one: {names}")
    return found[0]
