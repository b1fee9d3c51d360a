"""Gradient and weight norms of the weight layers, read from the gradient that the training step makes anyway."""

import torch
from torch import Tensor, nn

from fitscape.models.layers import weight_layers
from fitscape.study.records import GradientProfile

RATIO_STEPS = 500  # the vanishing-gradient flag looks at the first 500 steps (regime definitions, section 1)
RATIO_EVERY = 5


class GradientProbe:
    """Norms stay on the device until ``drain``: a probed step waits for nothing."""

    def __init__(self, model: nn.Module) -> None:
        layers = [(name, layer) for name, layer in weight_layers(model) if layer.get_parameter("weight").requires_grad]
        self._names = tuple(name for name, _ in layers)
        self._weights: list[Tensor] = [layer.get_parameter("weight") for _, layer in layers]
        self._profiles: list[tuple[int, Tensor]] = []
        self._ratios: list[Tensor] = []

    def is_due(self, step: int, *, full: bool) -> bool:
        """Whether ``observe`` has something to read at this step."""
        return bool(self._weights) and (full or (step < RATIO_STEPS and step % RATIO_EVERY == 0))

    def observe(self, step: int, *, full: bool) -> None:
        """After ``backward`` and before the optimizer; ``full`` asks for a profile of every layer.

        The first over last ratio is sampled every few steps of the first 500, from two layers only.
        """
        if full:
            self._profiles.append((step, _norms(self._weights)))
        if step < RATIO_STEPS and self.is_due(step, full=full):
            self._ratios.append(_norms([self._weights[0], self._weights[-1]]))

    def drain(self) -> tuple[tuple[GradientProfile, ...], float | None]:
        """The profiles since the last call, and the median first over last ratio of the probed steps.

        One wait for the device.
        """
        read = [norms for _, norms in self._profiles] + self._ratios
        if not read:
            return (), None
        fetched = torch.cat(read).cpu().split([len(norms) for norms in read])
        layers = len(self._names)
        profiles = tuple(
            GradientProfile(
                step=step,
                layers=self._names,
                gradient_norms=tuple(norms[:layers].tolist()),
                weight_norms=tuple(norms[layers:].tolist()),
            )
            for (step, _), norms in zip(self._profiles, fetched, strict=False)
        )
        ratios = fetched[len(self._profiles) :]
        self._profiles, self._ratios = [], []
        return profiles, _median_ratio(torch.stack(ratios)) if ratios else None


def _norms(weights: list[Tensor]) -> Tensor:
    """[2L]: the gradient norms of L layers, then their weight norms."""
    gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
    return torch.stack(torch._foreach_norm([*gradients, *(w.detach() for w in weights)]))


def _median_ratio(norms: Tensor) -> float:
    """``norms`` [S, 4]: gradient of the first and last layer, weight of the first and last. NaN stays NaN."""
    relative = norms[:, :2] / norms[:, 2:].clamp(min=1e-12)
    return torch.quantile((relative[:, 0] / relative[:, 1]).double(), 0.5).item()
