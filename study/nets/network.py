"""A net that takes pictures as they are: colours, cropping, resizing and normalization are inside."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Of red, green and blue in grey, in 65536ths, as Pillow converts to L (ITU-R BT.601).
LUMINANCE = (19595, 38470, 7471)


class Normalized(nn.Module):
    """float32 [N, C, H, W] of pixels from 0 to 255 -> logits [N, classes]: what comes after the resizing.

    Of several classifiers the logits are those of the mean of their probabilities: weights are never averaged.
    """

    def __init__(self, classifiers: Sequence[nn.Module], temperatures: Sequence[float]) -> None:
        super().__init__()
        self.members = nn.ModuleList(classifiers)
        self.temperatures = tuple(temperatures)

    def forward(self, pixels: Tensor) -> Tensor:
        logits = [net(pixels) / t for net, t in zip(self.members, self.temperatures, strict=True)]
        if len(logits) == 1:
            return logits[0]
        return torch.stack([each.log_softmax(1) for each in logits]).logsumexp(0)


class Pictures(nn.Module):
    """uint8 [N, 1 or 3, any height, any width] -> logits [N, classes], whose softmax are calibrated probabilities."""

    def __init__(self, net: Normalized, channels: int, height: int, width: int) -> None:
        """``channels``, ``height``, ``width``: of the images that the net was trained on."""
        super().__init__()
        self.net, self.channels, self.size = net, channels, (height, width)

    def forward(self, images: Tensor) -> Tensor:
        x = self.coloured(images)
        if self.size[0] == self.size[1]:
            x = _middle_square(x)
        x = F.interpolate(x.to(torch.float32), self.size, mode="bilinear", antialias=True)
        logits: Tensor = self.net(x.round())  # to whole grey levels, which training saw
        return logits

    def coloured(self, images: Tensor) -> Tensor:
        """[N, C, H, W] of the net's own channels; one channel of a grey picture serves as all three."""
        last = images.shape[1] - 1
        rgb = (images[:, 0], images[:, last // 2], images[:, last])
        if self.channels == 3:
            return torch.stack(rgb, 1)
        weighted = sum(part.to(torch.int32) * weight for part, weight in zip(rgb, LUMINANCE, strict=True))
        assert isinstance(weighted, Tensor)
        return ((weighted + 0x8000) >> 16).unsqueeze(1)


def _middle_square(images: Tensor) -> Tensor:
    """[N, C, S, S]: as much of the middle as is square."""
    height, width = images.shape[-2:]
    side = torch.sym_min(height, width)
    kept = torch.arange(side)
    # Not by `narrow`: a view's strides would be guarded, and square pictures refused.
    return images.index_select(2, kept + (height - side) // 2).index_select(3, kept + (width - side) // 2)


def export(net: Pictures) -> torch.export.ExportedProgram:
    """With the number of pictures, their channels and their sides left open."""
    size = torch.export.Dim
    example = torch.zeros(2, 3, net.size[0] + 3, net.size[1] + 2, dtype=torch.uint8)
    open_sizes = {0: size("pictures", min=1), 1: size("channels", min=1, max=3), 2: size("height", min=1)}
    return torch.export.export(net.eval(), (example,), dynamic_shapes=({**open_sizes, 3: size("width", min=1)},))
