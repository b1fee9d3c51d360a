"""DenseNet-121 (Huang et al. 2017): torchvision's network with the dials applied to it."""

from torch import nn
from torchvision.models import DenseNet

from models.layers import scaled
from models.norm import make_norm, needs_bias
from models.spec import ModelSpec

BLOCKS = {121: (6, 12, 24, 16)}  # layers of each dense block: table 1


def network(spec: ModelSpec, channels: int, classes: int) -> nn.Module:
    """The bare network, for images [B, channels, H, W] to logits [B, classes].

    ``width`` scales the growth rate k, and with it the first convolution, which has 2k channels (section 3).
    ``dropout`` acts on what each dense layer adds (section 4.2 drops after every convolution but the first;
    torchvision after the second of a layer).
    """
    growth = scaled(spec.growth_rate, spec.width)
    model = DenseNet(
        growth_rate=growth,
        block_config=BLOCKS[spec.depth],
        num_init_features=2 * growth,
        drop_rate=spec.dropout,
        num_classes=classes,
    )
    features = model.features
    if spec.stem == "small":
        features.conv0 = nn.Conv2d(channels, 2 * growth, 3, padding=1, bias=False)
        del features.pool0
    else:
        features.conv0 = nn.Conv2d(channels, 2 * growth, 7, stride=2, padding=3, bias=False)
    _replace_norms(model, spec)
    assert isinstance(model, nn.Module)
    return model


def _replace_norms(model: nn.Module, spec: ModelSpec) -> None:
    """Put the spec's norm where torchvision hard-codes batch norm."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, make_norm(spec.norm, child.num_features))
            elif isinstance(child, nn.Conv2d) and needs_bias(spec.norm):
                child.bias = nn.Parameter(child.weight.new_empty(child.out_channels))


def smallest_input(spec: ModelSpec) -> int:
    """Three 2x2 poolings that drop an odd row need 8 pixels; the ImageNet stem's two halvings make it 29."""
    return 8 if spec.stem == "small" else 29
