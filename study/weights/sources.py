"""From the name of weights to the weights: a file, torchvision's or timm's registry, the net of another study."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitscape.models.starting_weights import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    StartingWeights,
    named_as_torchvision,
)
from fitscape.models.weight_names import WeightName
from fitscape.study.errors import UserError
from fitscape.study.files import NETS, SEEN, WEIGHTS
from fitscape.study.paths import expanded
from fitscape.study.weights.files import read_file

WHERE = "model.weights"


@dataclass(frozen=True, kw_only=True)
class WeightSource:
    """Weights, and what is known of where they come from."""

    weights: StartingWeights
    facts: Mapping[str, Any] = field(default_factory=dict)  # JSON, for the ledger: from, license, dataset ...
    seen: NDArray[np.uint64] | None = None  # [N] contents of their training images; None: unknown
    note: str = ""  # a sentence for a person


def read(name: WeightName, root: Path) -> WeightSource:
    """The weights of a name, downloaded by torchvision's or timm's own code where they are not in its cache.

    Args:
        name: pinned to a content, or not.
        root: the runs folder, for the nets of studies.

    Raises:
        UserError: they cannot be had, or are no longer those that the name is pinned to.
    """
    match name.kind:
        case "torchvision":
            found = _from_torchvision(name.name)
        case "timm":
            found = _from_timm(name.name)
        case "study":
            found = _from_study(name, root)
        case "file":
            found = _from_file(expanded(name.name).absolute())
    digest = found.weights.digest
    if name.digest and name.digest != digest:
        what = f"{name.pinned('')} has changed: its content is {digest}, the study's is {name.digest}"
        raise UserError(what, where=WHERE, fix="restore the file, or start a study of another name")
    return found


def _from_file(path: Path) -> WeightSource:
    state, about = read_file(path)
    known = "mean" in about
    grey = not known and state and next(iter(state.values())).ndim == 4 and next(iter(state.values())).shape[1] == 1
    mean, std = (about["mean"], about["std"]) if known else (IMAGENET_MEAN, IMAGENET_STD)
    if grey:
        mean, std = (float(np.mean(mean)),), (float(np.mean(std)),)
    beside = path.with_name(SEEN)
    return WeightSource(
        weights=StartingWeights(
            tensors=state,
            mean=tuple(mean),
            std=tuple(std),
            classes=tuple(about["classes"]) if "classes" in about else None,
            model=about.get("model", {}),
        ),
        facts={"from": str(path), **{k: about[k] for k in ("dataset", "fingerprint", "input_shape") if k in about}},
        seen=np.load(beside) if beside.is_file() else None,
        note=""
        if known
        else f"{path.name} does not say how its images were normalized, so ImageNet's normalization is used",
    )


def _from_study(name: WeightName, root: Path) -> WeightSource:
    nets = root / name.name / NETS
    found = sorted(folder.parent for folder in nets.glob(f"{name.trial or '*'}/{WEIGHTS}"))
    if not found:
        fix = f"fitscape net {name.name} {f'--trial {name.trial}' if name.trial else '--recommended'} writes one"
        raise UserError(f"study {name.name} has no net{f' {name.trial}' if name.trial else ''}", where=WHERE, fix=fix)
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise UserError(f"study {name.name} has several nets", where=WHERE, fix=f"name one: study:NAME/ID of {names}")
    return _from_file(found[0] / WEIGHTS)


def _from_timm(name: str) -> WeightSource:
    from fitscape.models import from_timm

    try:
        state, about = from_timm.download(name)
    except ValueError as error:
        raise UserError(f"timm:{name}: {error}", where=WHERE) from error
    mean, std = (tuple(255 * float(share) for share in about[key]) for key in ("mean", "std"))
    return WeightSource(
        weights=StartingWeights(tensors=named_as_torchvision(state), mean=mean, std=std),
        facts={"from": f"timm:{name}", "license": about.get("license") or "not stated"},
    )


def _from_torchvision(name: str) -> WeightSource:
    from torchvision import models

    try:
        found = models.get_weight(name) if "." in name else models.get_model_weights(name).DEFAULT
    except (ValueError, AttributeError, KeyError) as error:
        fix = "as in torchvision:ResNet18_Weights.IMAGENET1K_V1; torchvision.models.list_models() names the networks"
        raise UserError(f"torchvision has no weights '{name}'", where=WHERE, fix=fix) from error
    try:
        state = found.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except UnpicklingError as error:
        raise UserError(f"torchvision:{name} holds more than tensors, which is not read", where=WHERE) from error
    except (OSError, RuntimeError) as error:
        what = f"torchvision:{name} cannot be downloaded: {str(error).partition(chr(10))[0]}"
        raise UserError(what, where=WHERE, fix="try again, or give the file of the weights instead") from error
    how = found.transforms()
    return WeightSource(
        weights=StartingWeights(
            tensors=named_as_torchvision(state),
            mean=tuple(255 * share for share in how.mean),
            std=tuple(255 * share for share in how.std),
            classes=tuple(found.meta["categories"]),
        ),
        facts={
            "from": f"torchvision:{found}",
            "license": "not stated by torchvision; its training data are ImageNet's",
        },
    )
