"""What a trial is given of the data: train and validation as tensors, and nothing of the test part."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fitscape.study.config import Metric, TrialConfig
from fitscape.study.data.folds import Folds
from fitscape.study.data.mapped.parts import Mapped


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialData:
    """Train and validation, contiguous on the CPU; shared by all trials, so never to be written to.

    It pickles as numpy arrays (protocol 5, out of band), so that an object store holds it once a node and every
    process reads it there without a copy. Images that are mapped are not pickled: each process maps them anew. A part
    of them is.
    """

    train_images: Tensor  # uint8 [N, C, H, W]
    train_labels: Tensor  # int64 [N]
    train_moments: Tensor  # int64 [N, C, 2]: sum and sum of squares of each training image's pixels, by channel
    val_images: Tensor  # uint8 [M, C, H, W]
    val_labels: Tensor  # int64 [M]
    val_half: Tensor  # bool [M], True in half A
    classes: tuple[str, ...]
    fingerprint: str  # of train, validation and test together; equal for equal content and split
    probe_size: int = 2000  # DataConfig.probe_size
    val_groups: Tensor | None = None  # int32 [M]: equal numbers belong together, where the user says so
    mapped: Mapped | None = None  # where the images lie, if they are mapped and not in memory
    folds: Folds | None = None  # whole, where trials of other seeds validate on other images; these are seed 0's

    def of_seed(self, seed: int) -> "TrialData":
        """What a trial of this seed is given: its fold is validation. Without folds, this."""
        if self.folds is None:
            return self
        return replace(self, folds=None, **self.folds.fields(seed % len(self.folds.sizes)))

    def of_trial(self, config: TrialConfig) -> "TrialData":
        """What a trial is given: the fold of its seed, and images of the size that it asks for.

        Raises:
            ValueError: the size is above that of these images, or they are mapped and would have to be in memory.
        """
        data, size = self.of_seed(config.seed), config.data.image_size
        if size is None or data.input_shape[1:] == (size, size):
            return data
        if problem := unsized(self.input_shape, mapped=self.mapped is not None, size=size):
            raise ValueError(f"image_size: {problem}")
        from fitscape.study.data.moments import moments
        from fitscape.study.data.pixels import resized

        train, validation = (resized(images.numpy(), size) for images in (data.train_images, data.val_images))
        sized: dict[str, Any] = {"train_images": shared_tensor(train), "val_images": shared_tensor(validation)}
        return replace(data, **sized, train_moments=torch.from_numpy(moments(train)))

    @property
    def held_out(self) -> Tensor:
        """uint8 [N, C, H, W], all images that any trial validates on, in the order of the ledger's."""
        return self.val_images if self.folds is None else self.folds.held_out

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width

    @property
    def majority_error(self) -> float:
        """Validation error of always answering training's most frequent class: c of the regime definitions.

        Where validation has no image of that class, or none of another, this would be 1 or 0, and no scale. Then the
        most frequent one in training among the classes of validation is answered.
        """
        counts = torch.bincount(self.train_labels, minlength=len(self.classes))
        error = float((self.val_labels != counts.argmax()).double().mean())
        if 0 < error < 1:
            return error
        in_validation = torch.bincount(self.val_labels, minlength=len(self.classes)) > 0
        majority = counts.where(in_validation, torch.tensor(-1)).argmax()
        return float((self.val_labels != majority).double().mean())

    def chance_error(self, metric: Metric) -> float:
        """Validation error of always giving one class, by the metric: training's most frequent one."""
        return self.majority_error if metric == "error" else 1 - 1 / len(self.val_labels.unique())

    def to_arrays(self) -> dict[str, Any]:
        """The fields as they are stored, every tensor as a numpy view of the same memory."""
        fields = {**self.__dict__}
        if (folds := fields.pop("folds")) is not None:
            del fields["val_images"], fields["val_labels"]
            fields |= folds.as_stored()
        return {k: v.numpy() if isinstance(v, Tensor) else v for k, v in fields.items()}

    @classmethod
    def stored(cls, fields: dict[str, Any]) -> "TrialData":
        """Of fields as they are prepared: with folds, ``train_...`` are rings, and ``val_half`` and ``val_groups`` are
        those of all folds."""
        if "folds" not in fields:
            return cls(**fields)
        folds = Folds.stored(fields)
        return cls(**{**fields, **folds.fields(0), "folds": folds})

    @classmethod
    def from_arrays(cls, fields: dict[str, Any]) -> "TrialData":
        """Undo `to_arrays` without a copy; read-only arrays (those of an object store) are taken as they are.

        Raises:
            CacheDamaged: images that are mapped are neither on this machine nor where it could fetch them.
        """
        mapped: Mapped | None = fields.get("mapped")
        if mapped is not None and "train_images" not in fields:
            found = mapped.open()
            fields = {**fields, "train_images": found["train"], "val_images": found["validation"]}
        tensors: dict[str, Any] = {k: shared_tensor(v) for k, v in fields.items() if isinstance(v, np.ndarray)}
        return cls.stored({**fields, **tensors})

    def __reduce__(self) -> tuple[Any, ...]:
        fields = self.to_arrays()
        if self.mapped is not None and fields["train_images"].shape == self.mapped.shapes.get("train"):
            fields = {name: value for name, value in fields.items() if name not in ("train_images", "val_images")}
        return TrialData.from_arrays, (fields,)


def unsized(prepared: tuple[int, int, int], *, mapped: bool, size: int) -> str:
    """Why a trial cannot have images of this size, of ``prepared`` (C, H, W); empty where it can."""
    if size > max(prepared[1:]):
        return f"{size} px are asked for, and the images are prepared at {prepared[2]} px"
    if mapped and size != prepared[1]:
        return "these images are too many for other sizes in memory: they stay in files"
    return ""


def shared_tensor(array: "np.ndarray[Any, Any]") -> Tensor:
    """A tensor on the memory of an array that may be read-only; it must not be written to."""
    with warnings.catch_warnings():
        # torch has no read-only tensors and says so; nothing here or in training writes to these.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
