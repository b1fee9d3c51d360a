"""ResNet, plain and DenseNet networks with dials. A leaf: imports torch and torchvision only, and late."""

from models.spec import ModelSpec, architectures, parse_architecture

__all__ = ["ModelSpec", "architectures", "parse_architecture"]
