"""Data for trials that look at none."""

import torch

from fitscape.study.data import TrialData


def ten_images() -> TrialData:
    """Ten black images of two classes to train on, and four to validate."""
    return TrialData(
        train_images=torch.zeros(10, 1, 8, 8, dtype=torch.uint8),
        train_labels=torch.arange(10) % 2,
        train_moments=torch.zeros(10, 1, 2, dtype=torch.int64),
        val_images=torch.zeros(4, 1, 8, 8, dtype=torch.uint8),
        val_labels=torch.arange(4) % 2,
        val_half=torch.tensor([True, False, True, False]),
        classes=("a", "b"),
        fingerprint="0" * 16,
    )
