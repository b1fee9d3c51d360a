"""How many of the wrong training labels a net has learned by heart."""

from dataclasses import dataclass

from torch import Tensor

from fitscape.study.data import TrainSubset


@dataclass(frozen=True)
class Memorization:
    """Two shares to compare: learned by heart is what the first exceeds the second by."""

    train: float | None  # of the flipped training labels in the probe, those the net predicts
    val: float | None  # of validation images given a wrong label by the same draw, those the net predicts
    flipped_n: int
    val_flipped_n: int


def memorization(
    subset: TrainSubset, probe: Tensor, train_predictions: Tensor, val_predictions: Tensor
) -> Memorization:
    """``probe`` int64 [P]: positions in the subset; predictions int64 [P] and [M], on the CPU."""
    flipped = subset.flipped[probe]
    return Memorization(
        train=_share(train_predictions, subset.labels[probe], flipped),
        val=_share(val_predictions, subset.noisy_val_labels, subset.val_flipped),
        flipped_n=int(flipped.sum()),
        val_flipped_n=int(subset.val_flipped.sum()),
    )


def _share(predictions: Tensor, labels: Tensor, flipped: Tensor) -> float | None:
    if not flipped.any():
        return None
    return (predictions[flipped] == labels[flipped]).double().mean().item()
