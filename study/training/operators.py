"""Whether every step of a net does the same: only such a step can be captured once and replayed."""

from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from fitscape.models.build import build
from fitscape.models.spec import ModelSpec
from fitscape.study.training.randomness import seeded_default

BATCH = 4
COMPARED = 3  # steps, after one that may set something up
# Operators whose result the host waits for, or whose shape depends on numbers.
WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "equal"}


@lru_cache(maxsize=256)
def why_not_captured(spec: ModelSpec, input_shape: tuple[int, int, int], classes: int) -> str:
    """What keeps this net's step from being captured; empty where nothing does.

    Looked for on the CPU with a few images, by an architecture's narrowest net: its width changes no operator.
    """
    narrow = spec if spec.foreign else spec.replace(width=0.0625, shortcut=spec.shortcut)
    with seeded_default(0, "operators"):
        model = build(narrow, input_shape=input_shape, classes=classes)
        return difference(model, torch.randn(BATCH, *input_shape), torch.arange(BATCH) % classes)


def difference(model: nn.Module, images: Tensor, labels: Tensor) -> str:
    """Why steps of ``model`` cannot be replayed, from a few that are taken; empty where they are alike."""
    model.train()
    record = _Record([*model.parameters(), *model.buffers(), images, labels])
    steps = []
    for _ in range(COMPARED + 1):
        model.zero_grad(set_to_none=True)
        with record:
            F.cross_entropy(model(images), labels).backward()
        steps.append(record.take())
    for operators in steps:
        waiting = next((name for name, *_ in operators if name.split(".")[0] in WAITING), None)
        if waiting is not None:
            return f"a step waits for the result of {waiting}"
    for before, after in pairwise(steps[1:]):
        if before != after:
            return f"steps differ: {_first_difference(before, after)}"
    return ""


def _first_difference(before: list[Any], after: list[Any]) -> str:
    for i, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other:
            return f"operator {i} is {one[0]}, then {other[0]}" if one[0] != other[0] else f"{one[0]} has other inputs"
    return f"{len(before)} operators, then {len(after)}"


class _Record(TorchDispatchMode):
    """Operators with their scalars, and tensors by where they come from: which operator of the step, or held over."""

    def __init__(self, held: list[Tensor]) -> None:
        super().__init__()
        self._held = {_place(tensor): f"held {i}" for i, tensor in enumerate(held)}
        self._made: dict[int, str] = {}
        self._operators: list[Any] = []

    def take(self) -> list[Any]:
        """The step's operators; what it has made is then of an earlier step."""
        taken, self._operators, self._made = self._operators, [], {}
        return taken

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given, shape = tree_flatten((args, kwargs or {}))
        inputs = tuple(self._describe(x) if isinstance(x, Tensor) else repr(x) for x in given)
        out = func(*args, **(kwargs or {}))
        for i, made in enumerate(x for x in tree_flatten(out)[0] if isinstance(x, Tensor)):
            place = _place(made)
            if place not in self._held and place not in {_place(x) for x in given if isinstance(x, Tensor)}:
                self._made[place] = f"{len(self._operators)}.{i}"
        self._operators.append((func._schema.name.removeprefix("aten::"), inputs, str(shape)))
        return out

    def _describe(self, tensor: Tensor) -> tuple[Any, ...]:
        place = _place(tensor)
        source = self._held.get(place) or self._made.get(place) or f"other {place}"
        return source, tuple(tensor.shape), tensor.stride(), tensor.storage_offset(), tensor.dtype


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
