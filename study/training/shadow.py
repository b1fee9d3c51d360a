"""Weights in bf16 beside those that the optimizer changes: one cast a step for all of them instead of one each."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class ShadowWeights:
    """bf16 copies of what autocast would cast at every use: weights and biases of convolutions and linear layers.

    The same numbers as autocast's own, which casts each on its way in and each gradient on its way out, two launches
    a tensor and step. Layers that are made like these and compute with their weights first keep theirs in float32.
    """

    def __init__(self, model: nn.Module) -> None:
        layers = [m for m in model.modules() if type(m) in (nn.Conv2d, nn.Linear)]
        held = [(m, name, p) for m in layers for name, p in m.named_parameters(recurse=False)]
        self._places = [(m, name) for m, name, _ in held]
        self._masters = [p for _, _, p in held]
        self._shadows = [
            nn.Parameter(torch.empty_like(p, dtype=torch.bfloat16), requires_grad=p.requires_grad)
            for p in self._masters
        ]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the layers compute with the shadows, which are the weights as they are now."""
        with torch.no_grad():
            torch._foreach_copy_([*self._shadows], [*self._masters])
        for shadow in self._shadows:
            shadow.grad = None
        self._install(self._shadows)
        try:
            yield
        finally:
            self._install(self._masters)

    def add_gradients(self) -> None:
        """After ``backward``: add the shadows' gradients to the weights' own, in float32."""
        reached = [(m, s.grad) for m, s in zip(self._masters, self._shadows, strict=True) if s.grad is not None]
        if not reached:
            return
        fresh = [torch.empty_like(master) for master, _ in reached]
        torch._foreach_copy_(fresh, [gradient for _, gradient in reached])
        for (master, _), gradient in zip(reached, fresh, strict=True):
            master.grad = gradient if master.grad is None else master.grad.add_(gradient)
        for shadow in self._shadows:
            shadow.grad = None

    def _install(self, weights: list[nn.Parameter]) -> None:
        for (module, name), weight in zip(self._places, weights, strict=True):
            module._parameters[name] = weight
