"""Weights in files: safetensors with what this project knows of them, or a state dict of torch."""

import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fitscape.models.starting_weights import named_as_torchvision
from fitscape.study.errors import UserError

ABOUT = "fitscape"  # safetensors' metadata: JSON with model, classes, mean, std, dataset, input_shape
FIX = "save the network's state_dict: torch.save(net.state_dict(), FILE)"


def read_file(path: Path) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    """State dict and, of a file of ours, what it says about itself.

    Raises:
        UserError: it is not there, no such file, or holds more than tensors: pickled code is never run.
    """
    where = str(path)
    if not path.is_file():
        raise UserError("is not there", where=where)
    try:
        state, about = _safetensors(path) if path.suffix == ".safetensors" else (_state_dict(path), {})
        return named_as_torchvision(state), about
    except pickle.UnpicklingError:
        raise UserError("holds pickled code beside its tensors, which is not run", where=where, fix=FIX) from None
    except (LookupError, struct.error, AttributeError, TypeError, AssertionError) as error:  # of torch's unpickler
        raise UserError("holds no weights: torch has not saved it, or it is damaged", where=where, fix=FIX) from error
    except (OSError, RuntimeError, EOFError, ValueError, OverflowError, zipfile.BadZipFile) as error:
        raise UserError(f"holds no weights: {str(error).partition(chr(10))[0]}", where=where, fix=FIX) from error


def write_file(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """safetensors, with what a later study wants to know of the weights."""
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, {ABOUT: json.dumps(about)})


def _safetensors(path: Path) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(ABOUT, "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118  (no mapping)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _state_dict(path: Path) -> Mapping[str, Any]:
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, Mapping):
        raise ValueError(f"it is a {type(state).__name__}, not a state dict")
    return state
