"""Trained nets as MLflow models: written into the study's folder first, shipped from there like all else.

Saved by ``torch.export`` (MLflow's format ``pt2``): a graph and tensors, no pickle, so that loading one runs no code
of foreign origin, and needs none of ours.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from fitscape.study.errors import UserError
from fitscape.study.tracking import client

if TYPE_CHECKING:
    from torch import Tensor, nn

REGISTER = "register"  # of a model's metadata
NAME = re.compile(r"[\w .-]{1,200}")  # of a registered model: MLflow takes and finds these
FOLDER = "models"  # of the study's folder; a net is a folder named by its trial


def save_net(
    study: Path, trial_id: str, net: "nn.Module", example: "Tensor", classes: Sequence[str], register: str = ""
) -> Path:
    """Write ``net`` as an MLflow model with a signature, in the place of an earlier one; returns its folder.

    Args:
        net: in eval mode, on the CPU; uint8 [N, C, H, W] -> float32 logits [N, classes].
        example: at least two images, so that the number of images stays free.
        register: name of the registered model that it becomes a version of, once it is shipped; empty: of none.
    """
    client.load()
    import mlflow.pytorch
    import numpy as np
    import torch
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    pixels = Schema([TensorSpec(np.dtype("uint8"), (-1, *example.shape[1:]))])
    logits = Schema([TensorSpec(np.dtype("float32"), (-1, len(classes)))])
    to = study / FOLDER / trial_id
    to.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=to.parent, prefix=".") as scratch:
        whole = Path(scratch) / "model"
        mlflow.pytorch.save_model(
            net,
            whole,
            signature=ModelSignature(inputs=pixels, outputs=logits),
            input_example=example.numpy(),
            serialization_format="pt2",
            pip_requirements=[f"torch=={torch.__version__.partition('+')[0]}"],
            metadata={"classes": list(classes), "trial_id": trial_id, REGISTER: register},
        )
        shutil.rmtree(to, ignore_errors=True)
        whole.rename(to)
    return to


def require_name(name: str) -> None:
    """Refuse a name that MLflow would refuse when the net is long trained.

    Raises:
        UserError: it is none of a registered model.
    """
    if not NAME.fullmatch(name) or name != name.strip():
        fix = "1 to 200 letters, digits, blanks, dots, hyphens or underscores, as in --register shoes"
        raise UserError(f"'{name}' is not a name for a registered model", where="--register", fix=fix)


def wanted_name(folder: Path) -> str:
    """The registered model that a saved net is to become a version of; empty: none."""
    from mlflow.models import Model

    return str((Model.load(folder).metadata or {}).get(REGISTER, ""))


def nets(study: Path) -> Iterator[tuple[str, Path]]:
    """Trial ids and folders of what was saved, in order of ids."""
    for folder in sorted((study / FOLDER).glob("[!.]*")):
        yield folder.name, folder
