"""ResNet and plain networks of basic blocks: He et al. 2015, "Deep Residual Learning".

One family: a plain net is the ResNet without its shortcuts and nothing else changed. Depths 18 and 34 are
section 4.1's ImageNet nets (four stages, 64 to 512 channels), 20 to 110 section 4.2's CIFAR nets (three
stages of (depth - 2) / 6 blocks, 16 to 64 channels). Names of modules are torchvision's, so that its
``resnet18`` weights load.
"""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from fitscape.models.layers import scaled
from fitscape.models.norm import make_norm, needs_bias
from fitscape.models.registry import IMAGENET_DEPTHS
from fitscape.models.spec import ModelSpec

IMAGENET_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # He et al. 2015, table 1


class ZeroPaddedSubsampling(nn.Module):
    """Option A of section 3.3: every second pixel, and zeros for the channels that are new. No parameters."""

    def __init__(self, stride: int, new_channels: int) -> None:
        super().__init__()
        self.stride, self.new_channels = stride, new_channels

    def forward(self, x: Tensor) -> Tensor:
        strided = x[:, :, :: self.stride, :: self.stride]  # a view; the padding makes the only copy
        return F.pad(strided, (0, 0, 0, 0, 0, self.new_channels))


class Block(nn.Module):
    """Two 3x3 convolutions (figure 2), with a shortcut around them unless the spec says none."""

    def __init__(self, spec: ModelSpec, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        bias = needs_bias(spec.norm)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias)
        self.bn1 = make_norm(spec.norm, outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=bias)
        self.bn2 = make_norm(spec.norm, outputs)
        self.downsample = _shortcut(spec, inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            out += self.downsample(x)
        return self.relu(out)


def _shortcut(spec: ModelSpec, inputs: int, outputs: int, stride: int) -> nn.Module | None:
    if spec.shortcut == "none":
        return None
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    if spec.shortcut == "identity":
        return ZeroPaddedSubsampling(stride, outputs - inputs)
    projection = nn.Conv2d(inputs, outputs, 1, stride, bias=needs_bias(spec.norm))
    return nn.Sequential(projection, make_norm(spec.norm, outputs))


def network(spec: ModelSpec, channels: int, classes: int) -> nn.Sequential:
    """The bare network, for images [B, channels, H, W] to logits [B, classes]."""
    blocks, widths = _stages(spec)
    layers = _stem(spec, channels, widths[0])
    inputs = widths[0]
    for stage, (count, outputs) in enumerate(zip(blocks, widths, strict=True)):
        first = Block(spec, inputs, outputs, stride=1 if stage == 0 else 2)
        rest = (Block(spec, outputs, outputs, stride=1) for _ in range(count - 1))
        layers[f"layer{stage + 1}"] = nn.Sequential(first, *rest)
        inputs = outputs
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    if spec.dropout > 0:
        layers["dropout"] = nn.Dropout(spec.dropout)
    layers["fc"] = nn.Linear(inputs, classes)
    return nn.Sequential(layers)


def smallest_input(spec: ModelSpec) -> int:
    """Pixels a side below which the last halving would have a single pixel to work on."""
    halvings = len(_stages(spec)[0]) - 1 + (2 if spec.stem == "imagenet" else 0)
    return int(2 ** (halvings - 1)) + 1


def _stages(spec: ModelSpec) -> tuple[tuple[int, ...], list[int]]:
    """Blocks and channels of each stage."""
    imagenet = spec.depth in IMAGENET_DEPTHS
    blocks = IMAGENET_BLOCKS[spec.depth] if imagenet else ((spec.depth - 2) // 6,) * 3
    first = 64 if imagenet else 16
    return blocks, [scaled(first * 2**stage, spec.width) for stage in range(len(blocks))]


def _stem(spec: ModelSpec, channels: int, outputs: int) -> OrderedDict[str, nn.Module]:
    """7x7 with stride 2 and a max pool, or the CIFAR nets' single 3x3; either goes with every depth."""
    kernel, stride = (7, 2) if spec.stem == "imagenet" else (3, 1)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv1"] = nn.Conv2d(channels, outputs, kernel, stride, padding=kernel // 2, bias=needs_bias(spec.norm))
    layers["bn1"] = make_norm(spec.norm, outputs)
    layers["relu"] = nn.ReLU(inplace=True)
    if spec.stem == "imagenet":
        layers["maxpool"] = nn.MaxPool2d(3, stride=2, padding=1)
    return layers
