"""ResNet, plain and DenseNet networks with dials, and timm's. A leaf: imports torch and its kin only, and late."""

from fitscape.models.spec import ModelSpec, architectures, parse_architecture

__all__ = ["ModelSpec", "architectures", "parse_architecture"]
