"""Weights that a network starts from: their content, the network that they imply, and their way into one."""

import hashlib
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fitscape.models.layers import weight_layers
from fitscape.models.registry import IMAGENET_DEPTHS
from fitscape.models.stages import head_name

# Pixels from 0 to 255, as torchvision and timm normalize for their weights.
IMAGENET_MEAN = tuple(255 * share for share in (0.485, 0.456, 0.406))
IMAGENET_STD = tuple(255 * share for share in (0.229, 0.224, 0.225))
COUNTER = "num_batches_tracked"  # no number of a trial depends on it, and files of old releases of torch lack it
NAMED = 3  # keys that a message names
# torchvision's files of densenets are of a release whose layers were called norm.1; its own loader renames them, too.
_OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.(?:weight|bias|running_mean|running_var))")
_WRAPPERS = ("state_dict", "model", "model_state_dict")
_PREFIXES = ("module.", "_orig_mod.", "net.")


@dataclass(frozen=True, kw_only=True, eq=False)
class StartingWeights:
    """The state dict of a trained network, with what its images went through. Never to be written to.

    Pickled as numpy arrays, as ``TrialData`` is: an object store holds it once a node.
    """

    tensors: Mapping[str, Tensor]  # on the CPU, by torchvision's or timm's names
    mean: tuple[float, ...]  # by channel, of pixels from 0 to 255
    std: tuple[float, ...]
    classes: tuple[str, ...] | None = None  # what its logits mean; None: unknown
    model: Mapping[str, Any] = field(default_factory=dict)  # hyperparameters of the network, where they are known

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of names, shapes and numbers, whatever the file."""
        found = hashlib.sha256()
        for name, tensor in sorted(self.tensors.items()):
            if not name.endswith(COUNTER):
                found.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
                found.update(tensor.numpy().tobytes())
        found.update(repr((self.mean, self.std)).encode())
        return found.hexdigest()[:16]

    def normalization(self, channels: int) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation float32 [C] for images of so many channels: grey takes the mean over channels."""
        return _spread(self.mean, channels), _spread(self.std, channels)

    def __reduce__(self) -> tuple[Any, ...]:
        arrays = {name: tensor.numpy() for name, tensor in self.tensors.items()}
        return _from_arrays, (arrays, self.mean, self.std, self.classes, dict(self.model))


@dataclass(frozen=True)
class Changes:
    """What was changed for the weights to fit, in words; empty where nothing was."""

    head: str
    stem: str


def named_as_torchvision(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """A file's content as a plain state dict: out of its wrapper, without prefixes, by today's names.

    Raises:
        ValueError: it holds no tensors.
    """
    for wrapper in _WRAPPERS:
        if isinstance(inner := state.get(wrapper), Mapping):
            state = inner
    found = {name: value.detach() for name, value in state.items() if isinstance(value, Tensor)}
    if not found:
        raise ValueError("holds no tensors")
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return {_OLD_DENSENET.sub(r"\1\2", name): _plain(tensor) for name, tensor in found.items()}


def implied(family: str, depth: int, growth_rate: int, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The width, norm, stem and shortcut that a resnet, plain net or densenet needs to have such weights."""
    first, norm = ("features.conv0", "features.norm0") if family == "densenet" else ("conv1", "bn1")
    if family not in ("resnet", "plain", "densenet") or f"{first}.weight" not in tensors:
        return {}
    stem = tensors[f"{first}.weight"]
    channels, kernel = stem.shape[0], stem.shape[-1]
    published = 2 * growth_rate if family == "densenet" else 64 if depth in IMAGENET_DEPTHS else 16
    found: dict[str, Any] = {
        "width": channels / published,
        "stem": "imagenet" if kernel == 7 else "small",
        "norm": "batch" if f"{norm}.running_mean" in tensors else "group" if f"{norm}.weight" in tensors else "none",
    }
    if family == "resnet":
        found["shortcut"] = "projection" if "layer2.0.downsample.0.weight" in tensors else "identity"
    return found


def changes(model: nn.Module, weights: StartingWeights, classes: Sequence[str]) -> Changes:
    """What ``load`` would change of the weights for this network; ``model`` may lie on the meta device.

    Raises:
        ValueError: other differences; the text names the keys.
    """
    own, given = model.state_dict(), weights.tensors
    stem, head = _stem(model), _head_keys(model, own)
    replaced = _replaced(own, given, head, weights.classes, classes)
    skipped = set(head) if replaced else set()
    missing = [k for k in own if k not in given and k not in skipped and not k.endswith(COUNTER)]
    unknown = [k for k in given if k not in own and k not in skipped and not k.endswith(COUNTER)]
    other = [
        f"{k} {tuple(given[k].shape)} instead of {tuple(own[k].shape)}"
        for k in own
        if k in given
        and k not in skipped
        and given[k].shape != own[k].shape
        and not _fits_by_channels(k, stem, own, given)
    ]
    if missing or unknown or other:
        told = (("lack", missing), ("hold besides", unknown), ("have", other))
        raise ValueError("they " + "; ".join(f"{word} {_few(keys)}" for word, keys in told if keys))
    grown = stem is not None and given[stem].shape != own[stem].shape
    return Changes(replaced, _stem_words(given[stem], own[stem]) if grown and stem is not None else "")


def load(model: nn.Module, weights: StartingWeights, classes: Sequence[str]) -> Changes:
    """Put the weights into a network, in place; a head for other classes stays as it was drawn.

    Raises:
        ValueError: they do not fit; the text names the keys.
    """
    found, own = changes(model, weights, classes), model.state_dict()
    head, stem = _head_keys(model, own) if found.head else (), _stem(model)
    given = {k: t for k, t in weights.tensors.items() if k in own and k not in head}
    if found.stem and stem is not None:
        given[stem] = _with_channels(given[stem], own[stem].shape[1])
    model.load_state_dict({**own, **given})
    return found


def _replaced(
    own: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    head: Iterable[str],
    known: Sequence[str] | None,
    classes: Sequence[str],
) -> str:
    """Why the head is drawn anew, in words; empty where it is taken over."""
    if any(k not in given for k in head):
        return "drawn: the weights have none"
    if any(given[k].shape != own[k].shape for k in head):
        before = len(given[next(iter(head))])
        return f"drawn: {before} classes before, {len(classes)} now"
    if known is not None and tuple(known) != tuple(classes):
        return f"drawn: other {len(classes)} classes before"
    return ""


def _head_keys(model: nn.Module, own: Mapping[str, Tensor]) -> tuple[str, ...]:
    head = head_name(model)
    return tuple(k for k in own if head and k.startswith(f"{head}."))


def _stem(model: nn.Module) -> str | None:
    """The key of the first convolution's weight."""
    layers = [name for name, layer in weight_layers(model) if isinstance(layer, nn.Conv2d)]
    return f"{layers[0]}.weight" if layers else None


def _fits_by_channels(key: str, stem: str | None, own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> bool:
    mine, theirs = own[key].shape, given[key].shape
    return key == stem and len(mine) == len(theirs) == 4 and (mine[0], *mine[2:]) == (theirs[0], *theirs[2:])


def _stem_words(given: Tensor, own: Tensor) -> str:
    before, now = given.shape[1], own.shape[1]
    how = "summed" if now == 1 else "repeated and scaled"
    return f"{before} channels before, {now} now: {how}"


def _with_channels(weight: Tensor, channels: int) -> Tensor:
    """[O, C, K, K] for other channels: summed for grey, else repeated and scaled by the channels before over now."""
    before = weight.shape[1]
    if channels == 1:
        return weight.sum(1, keepdim=True)
    return weight.repeat(1, -(-channels // before), 1, 1)[:, :channels] * (before / channels)


def _spread(values: Sequence[float], channels: int) -> Tensor:
    if channels == len(values):
        return torch.tensor(values)
    if channels == 1:
        return torch.tensor([float(np.mean(values))])
    return torch.tensor([values[i % len(values)] for i in range(channels)])


def _plain(tensor: Tensor) -> Tensor:
    """In float32, whatever precision a file keeps."""
    return (tensor.float() if tensor.is_floating_point() else tensor).contiguous()


def _few(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return f"{', '.join(keys[:NAMED])}{more}"


def _from_arrays(
    arrays: Mapping[str, Any], mean: Any, std: Any, classes: Any, model: Mapping[str, Any]
) -> StartingWeights:
    """Undo the pickling without a copy; nothing writes to what an object store lends."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return StartingWeights(tensors=tensors, mean=mean, std=std, classes=classes, model=model)
