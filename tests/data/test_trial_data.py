"""TrialData as it travels to the trials."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from fitscape.study.data import SealedData, TrialData


def test_it_pickles_out_of_band(digits: SealedData) -> None:
    buffers: list[pickle.PickleBuffer] = []
    inside = pickle.dumps(digits.trial_data, protocol=5, buffer_callback=buffers.append)
    assert len(inside) < 4000
    again = pickle.loads(inside, buffers=buffers)
    assert torch.equal(again.val_images, digits.trial_data.val_images)
    assert again.val_images.data_ptr() == digits.trial_data.val_images.data_ptr()


def test_read_only_arrays_are_taken_without_copy_or_warning(digits: SealedData) -> None:
    arrays = digits.trial_data.to_arrays()
    for value in arrays.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = TrialData.from_arrays(arrays)
    assert again.train_images.data_ptr() == digits.trial_data.train_images.data_ptr()
    assert again.classes == digits.trial_data.classes


def test_tensors_are_contiguous_and_it_is_frozen(digits: SealedData) -> None:
    for value in vars(digits.trial_data).values():
        assert not isinstance(value, torch.Tensor) or value.is_contiguous()
    with pytest.raises(AttributeError):
        digits.trial_data.classes = ()  # type: ignore[misc]


def test_majority_error_is_of_trainings_majority_on_validation(digits: SealedData) -> None:
    fields = {
        **digits.trial_data.to_arrays(),
        "train_labels": np.array([2, 2, 1]),
        "val_labels": np.array([2, 1, 1, 1]),
    }
    assert TrialData.from_arrays(fields).majority_error == 0.75


def test_importing_the_room_and_listing_data_sets_needs_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from fitscape.study.data import datasets, check_files\n"
        "from fitscape.study.config import DataConfig\n"
        "datasets.names(); check_files(DataConfig()); print('torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root).stdout == "False\n"


@pytest.mark.parametrize(
    ("train", "validation", "error"),
    [
        ([2, 2, 1, 0, 0, 0], [1, 1, 2], 2 / 3),  # of the most frequent class there is no validation image
        ([0, 0, 1, 1, 1, 2], [0, 0, 2, 2, 2], 3 / 5),  # 0 is more frequent in training than 2
        ([0, 0, 1], [0, 1, 1], 2 / 3),  # training's majority stays the definition
    ],
)
def test_majority_error_is_a_scale_where_validation_lacks_the_majority(
    digits: SealedData, train: list[int], validation: list[int], error: float
) -> None:
    arrays = digits.trial_data.to_arrays()
    fields = {**arrays, "train_labels": np.array(train), "val_labels": np.array(validation)}
    assert TrialData.from_arrays(fields).majority_error == pytest.approx(error)
