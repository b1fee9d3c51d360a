"""What every family shares about layers: rounding of channels, and which layers count as depth."""

from torch import nn

SHORTCUTS = ("downsample", "shortcut")  # torchvision's name of what runs beside a block's layers, and timm's other one
STAGE = "blocks"  # what timm's stages hold; their "downsample" runs before these and not beside them


def scaled(channels: int, width: float) -> int:
    """``channels`` times ``width``, the nearest whole number, but never fewer than 4 by scaling.

    Whole numbers and not multiples of 8: counts in between cost no more time here, and they keep capacity
    a smooth function of the width hyperparameter. At width 1 the published count stays as it is.
    """
    return max(min(channels, 4), round(channels * width))


def weight_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Name and module of each convolution and linear layer on the main path, input side first.

    There are as many as the network's depth says: ResNet-18 has 18. The convolutions of projection
    shortcuts are left out, as in He et al. 2015's count: they run beside the path and not along it, so
    they have no place in the order of depth, and a plain net has no counterpart to compare them with.
    """
    beside = tuple(
        f"{name}.{child}." if name else f"{child}."
        for name, module in model.named_modules()
        for child in SHORTCUTS
        if hasattr(module, child) and not hasattr(module, STAGE)
    )
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and not f"{name}.".startswith(beside)
    ]
