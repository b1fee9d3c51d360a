"""ResNet, plain and DenseNet networks with hyperparameters, and timm's. A leaf: imports only torch and kin, late."""

from fitscape.models.spec import ModelSpec, architectures, parse_architecture

__all__ = ["ModelSpec", "architectures", "parse_architecture"]
