"""Probabilities that mean what they say: one temperature for all logits, chosen on half A and measured on half B."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor

COLDEST, HOTTEST = 0.05, 20.0
BINS = 15  # Guo et al. 2017, section 3


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Of one net on half B, which did not choose the temperature."""

    temperature: float
    nll: float  # mean negative log likelihood, scaled
    nll_before: float
    ece: float  # expected calibration error
    ece_before: float
    images: int


def calibrate(logits: Tensor, labels: Tensor, half_a: Tensor) -> Calibration:
    """Temperature scaling (Guo et al. 2017, section 4.2).

    Args:
        logits: float32 [M, classes], of validation.
        labels: int64 [M].
        half_a: bool [M].
    """
    a, b = half_a, ~half_a
    found = minimize_scalar(
        lambda log: _nll(logits[a] / float(np.exp(log)), labels[a]),
        bounds=(np.log(COLDEST), np.log(HOTTEST)),
        method="bounded",
    )
    temperature = float(np.exp(found.x))
    return Calibration(
        temperature=temperature,
        nll=_nll(logits[b] / temperature, labels[b]),
        nll_before=_nll(logits[b], labels[b]),
        ece=expected_calibration_error(logits[b] / temperature, labels[b]),
        ece_before=expected_calibration_error(logits[b], labels[b]),
        images=int(b.sum()),
    )


def expected_calibration_error(logits: Tensor, labels: Tensor) -> float:
    """Mean distance of confidence and accuracy over 15 bins of equal width, weighted by their images."""
    confidence, predicted = logits.softmax(1).max(1)
    right = (predicted == labels).double()
    of_bin = (confidence * BINS).long().clamp(max=BINS - 1)
    gaps = [abs(float((right - confidence)[of_bin == i].sum())) for i in range(BINS)]
    return sum(gaps) / len(labels)


def _nll(logits: Tensor, labels: Tensor) -> float:
    return float(F.cross_entropy(logits.double(), labels))


def logits_of(net: torch.nn.Module, images: Tensor, batch: int = 256) -> Tensor:
    """float32 [N, classes] of uint8 images [N, C, H, W], on the CPU."""
    with torch.inference_mode():
        return torch.cat([net(part) for part in images.split(batch)]).float()
