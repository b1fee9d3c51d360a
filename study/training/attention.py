"""Attention on a card that gives the same numbers twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from fitscape.models.build import build
from fitscape.models.spec import ModelSpec
from fitscape.study.training.randomness import seeded_default


@contextmanager
def repeatable() -> Iterator[None]:
    """Inside, the gradients of attention are added up in one order.

    Flash attention does so where torch is asked for deterministic algorithms; the memory-efficient kernels, which would
    serve fp32, and cuDNN's cannot, and plain products take their place. The switches are the process's: they are put
    back. Convolutions have a switch of their own (``Settings.apply``).
    """
    strict, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    filling = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a launch for each new tensor
    try:
        with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
            yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        torch.utils.deterministic.fill_uninitialized_memory = filling  # type: ignore[attr-defined]


@lru_cache(maxsize=256)
def has_attention(spec: ModelSpec, input_shape: tuple[int, int, int], classes: int) -> bool:
    """Whether a net calls scaled dot-product attention; our own families have none."""
    if not spec.timm:
        return False
    with seeded_default(0, "attention"), torch.no_grad():
        model = build(spec, input_shape=input_shape, classes=classes).eval()
        with _Attention() as watch:
            model(torch.zeros(1, *input_shape))
    return watch.called


class _Attention(TorchFunctionMode):
    called = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.called = self.called or func is F.scaled_dot_product_attention
        return func(*args, **(kwargs or {}))
