"""DenseNet-121 (Huang et al. 2017) of bottleneck layers with compression: DenseNet-BC.

Names of modules are torchvision's, so that its ``densenet121`` weights load. Its class is not used: importing it loads
torch's compiler as well, 1.5 s in each process of a study.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fitscape.models.layers import scaled
from fitscape.models.norm import make_norm, needs_bias
from fitscape.models.spec import ModelSpec

BLOCKS = {121: (6, 12, 24, 16)}  # layers of each dense block: table 1
BOTTLENECK = 4  # a 1x1 convolution gives 4k maps to the 3x3 one (section 3)


class DenseLayer(nn.Module):
    """Norm, ReLU, 1x1 convolution, norm, ReLU, 3x3 convolution: what it adds to the maps so far (section 3)."""

    def __init__(self, spec: ModelSpec, inputs: int, growth: int) -> None:
        super().__init__()
        bias = needs_bias(spec.norm)
        self.norm1 = make_norm(spec.norm, inputs)
        self.relu1 = nn.ReLU(inplace=spec.norm != "none")  # without a norm it would alter the maps of later layers
        self.conv1 = nn.Conv2d(inputs, BOTTLENECK * growth, 1, bias=bias)
        self.norm2 = make_norm(spec.norm, BOTTLENECK * growth)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(BOTTLENECK * growth, growth, 3, padding=1, bias=bias)
        self.dropout = spec.dropout

    def forward(self, maps: Tensor) -> Tensor:
        bottleneck = self.conv1(self.relu1(self.norm1(maps)))
        new: Tensor = self.conv2(self.relu2(self.norm2(bottleneck)))
        return F.dropout(new, self.dropout, self.training) if self.dropout > 0 else new


class DenseBlock(nn.ModuleDict):
    """Layers that each see the maps of all before them."""

    def forward(self, x: Tensor) -> Tensor:
        # From one to the next, not of all in a list: the gradients of the maps so far then add up in one sum per layer
        # instead of one for each map and layer, a quarter of a narrow net's step.
        for layer in self.values():
            x = torch.cat([x, layer(x)], 1)
        return x


def network(spec: ModelSpec, channels: int, classes: int) -> nn.Module:
    """The bare network, for images [B, channels, H, W] to logits [B, classes].

    ``width`` scales the growth rate k, and with it the first convolution, which has 2k channels (section 3).
    ``dropout`` acts on what each dense layer adds (section 4.2 drops after every convolution but the first;
    torchvision after the second of a layer).
    """
    growth = scaled(spec.growth_rate, spec.width)
    inputs = 2 * growth
    features = _stem(spec, channels, inputs)
    for number, count in enumerate(BLOCKS[spec.depth], 1):
        layers = {f"denselayer{i + 1}": DenseLayer(spec, inputs + i * growth, growth) for i in range(count)}
        features[f"denseblock{number}"] = DenseBlock(layers)
        inputs += count * growth
        if number < len(BLOCKS[spec.depth]):
            features[f"transition{number}"] = _transition(spec, inputs, inputs // 2)
            inputs //= 2
    features["norm5"] = make_norm(spec.norm, inputs)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["features"] = nn.Sequential(features)
    parts["relu"] = nn.ReLU(inplace=True)
    parts["pool"] = nn.AdaptiveAvgPool2d(1)
    parts["flatten"] = nn.Flatten()
    parts["classifier"] = nn.Linear(inputs, classes)
    return nn.Sequential(parts)


def _stem(spec: ModelSpec, channels: int, outputs: int) -> OrderedDict[str, nn.Module]:
    """7x7 with stride 2 and a max pool (table 1), or the CIFAR nets' single 3x3 (section 4.2)."""
    bias = needs_bias(spec.norm)
    kernel, stride = (7, 2) if spec.stem == "imagenet" else (3, 1)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv0"] = nn.Conv2d(channels, outputs, kernel, stride, padding=kernel // 2, bias=bias)
    layers["norm0"] = make_norm(spec.norm, outputs)
    layers["relu0"] = nn.ReLU(inplace=True)
    if spec.stem == "imagenet":
        layers["pool0"] = nn.MaxPool2d(3, stride=2, padding=1)
    return layers


def _transition(spec: ModelSpec, inputs: int, outputs: int) -> nn.Sequential:
    """Half the maps, a quarter of the pixels (section 3, compression 0.5)."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["norm"] = make_norm(spec.norm, inputs)
    layers["relu"] = nn.ReLU(inplace=True)
    layers["conv"] = nn.Conv2d(inputs, outputs, 1, bias=needs_bias(spec.norm))
    layers["pool"] = nn.AvgPool2d(2)
    return nn.Sequential(layers)


def smallest_input(spec: ModelSpec) -> int:
    """Three 2x2 poolings that drop an odd row need 8 pixels; the ImageNet stem's two halvings make it 29."""
    return 8 if spec.stem == "small" else 29
