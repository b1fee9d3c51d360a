"""Images of a trial's own size, made of the prepared ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fitscape.study.config import DataConfig, TrialConfig
from fitscape.study.data import SealedData, load
from fitscape.study.data.mapped.parts import Mapped
from fitscape.study.data.pixels import resized
from fitscape.study.training import Settings, run_trial

SIZED = TrialConfig().with_hyperparameters(
    {"architecture": "resnet20", "width": 0.125, "epochs": 1, "steps_per_epoch": 2, "batch_size": 32, "image_size": 6}
)


def test_a_trial_is_given_smaller_images_and_the_same_split(digits: SealedData) -> None:
    data = digits.trial_data
    mine = data.of_trial(SIZED)
    assert mine.input_shape == (1, 6, 6) == SIZED.data.shape_of(data.input_shape)
    assert (mine.val_images.numpy() == resized(data.val_images.numpy(), 6)).all()
    assert torch.equal(mine.train_labels, data.train_labels)
    assert mine.fingerprint == data.fingerprint
    pixels = mine.train_images.numpy().astype(np.int64)
    assert (mine.train_moments[:, 0].numpy() == np.stack([pixels.sum((1, 2, 3)), (pixels**2).sum((1, 2, 3))], 1)).all()
    assert data.of_trial(TrialConfig()) is data


def test_it_trains_as_on_data_of_that_size_and_its_operations_follow(data_folder: Path) -> None:
    data = load(DataConfig(limit=200, probe_size=50)).trial_data
    whole = SIZED.with_hyperparameters({"image_size": None})
    (first,), (second,), (large,) = (
        list(run_trial(config, given, settings=Settings()))
        for config, given in ((SIZED, data), (whole, data.of_trial(SIZED)), (whole, data))
    )
    assert first.record.val_loss == second.record.val_loss != large.record.val_loss
    assert first.size is not None
    assert large.size is not None
    assert first.size.flops < 0.7 * large.size.flops
    assert first.size.parameters == large.size.parameters


def test_sizes_that_cannot_be_had_are_refused(digits: SealedData) -> None:
    data = digits.trial_data
    large = SIZED.with_hyperparameters({"image_size": 9})
    with pytest.raises(ValueError, match="image_size: 9 px are asked for, and the images are prepared at 8 px"):
        run_trial(large, data, settings=Settings())
    in_files = replace(data, mapped=Mapped("nowhere", {}, {}))
    with pytest.raises(ValueError, match="they stay in files"):
        in_files.of_trial(SIZED)
    assert in_files.of_trial(SIZED.with_hyperparameters({"image_size": 8})) is in_files
