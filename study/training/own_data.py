"""What a training loop of the user's own is given of the data."""

from dataclasses import dataclass

from torch import Tensor

from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData, select


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnTrialData:
    """One trial's images, in memory on the CPU. Take them as they are: nothing here may be written to."""

    train_images: Tensor  # uint8 [n, C, H, W], the trial's share of the training images
    train_labels: Tensor  # int64 [n], with the trial's label noise
    val_images: Tensor  # uint8 [M, C, H, W]
    val_labels: Tensor  # int64 [M]
    classes: tuple[str, ...]
    mean: Tensor  # float32 [C], of the training images' pixels, 0 to 255
    std: Tensor  # float32 [C]
    device: str  # cpu, or cuda where the trial has a card
    flipped: Tensor  # bool [n], True where label noise changed the label
    val_half: Tensor  # bool [M], True in half A: one half chooses, the other measures

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width

    def normalize(self, images: Tensor) -> Tensor:
        """uint8 [N, C, H, W] as float32 of mean 0 and deviation 1, on the device of the images."""
        mean, std = (value.to(images.device).view(1, -1, 1, 1) for value in (self.mean, self.std))
        return (images.float() - mean) / std


def own_data(config: TrialConfig, data: TrialData, device: str) -> OwnTrialData:
    """The data of one trial: its subset, drawn from its seed as for every other trial."""
    subset = select(data, config.data, config.seed)
    return OwnTrialData(
        train_images=data.train_images[subset.indices],
        train_labels=subset.labels,
        val_images=data.val_images,
        val_labels=data.val_labels,
        classes=tuple(data.classes),
        mean=subset.mean,
        std=subset.std,
        device=device,
        flipped=subset.flipped,
        val_half=data.val_half,
    )
