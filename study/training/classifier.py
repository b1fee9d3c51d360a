"""A trained net as others use it: pixels in, logits out, in float32 on the CPU, without this project's code."""

import torch
from torch import Tensor, nn

from fitscape.models.build import build
from fitscape.models.starting_weights import StartingWeights
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData, select
from fitscape.study.training.batches import pixel_statistics


class Classifier(nn.Module):
    """uint8 [N, C, H, W] -> float32 logits [N, classes]; the statistics of its training images are inside."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, mean: Tensor, std: Tensor) -> None:
        """``mean``, ``std``: [C], of pixels in 0 to 255."""
        super().__init__()
        self.net = net
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("std", std.view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.net((images.to(torch.float32) - self.mean) / self.std)
        return logits


def make_classifier(
    config: TrialConfig, data: TrialData, state: dict[str, Tensor], start: StartingWeights | None = None
) -> Classifier:
    """In eval mode, from the state dict of the trial's net, whatever device and layout that was trained in.

    Args:
        start: the weights that the trial started from.
    """
    net = build(config.model, input_shape=data.input_shape, classes=len(data.classes))
    net.load_state_dict({name: tensor.cpu().contiguous() for name, tensor in state.items()})
    mean, std = pixel_statistics(select(data, config.data, config.seed), start, data.input_shape[0])
    return Classifier(net, mean, std).eval()
