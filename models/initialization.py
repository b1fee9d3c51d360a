"""The init hyperparameter: how the weights of convolutions and linear layers are drawn."""

from collections.abc import Callable

from torch import Tensor, nn

from fitscape.models.spec import Init


def he(weight: Tensor) -> None:
    """Normal with variance 2 / fan_in: He et al. 2015b ("Delving Deep into Rectifiers"), equation 10."""
    nn.init.kaiming_normal_(weight, mode="fan_in", nonlinearity="relu")


def glorot(weight: Tensor) -> None:
    """Uniform with variance 2 / (fan_in + fan_out): Glorot & Bengio 2010, equation 16."""
    nn.init.xavier_uniform_(weight)


def gaussian(weight: Tensor) -> None:
    """Normal with standard deviation 0.01 whatever the layer's size: Krizhevsky et al. 2012, section 5."""
    nn.init.normal_(weight, std=0.01)


DRAWS: dict[Init, Callable[[Tensor], None]] = {"he": he, "glorot": glorot, "gaussian": gaussian}


def initialize(model: nn.Module, init: Init) -> None:
    """Set every parameter and buffer, in place, from torch's default generator.

    Weights of convolutions and linear layers by ``init``, their biases zero; other layers (norms) by their
    own ``reset_parameters``. Nothing is left as it was, so the memory may be uninitialized before.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            DRAWS[init](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif any(True for _ in module.parameters(recurse=False)):
            reset = getattr(module, "reset_parameters", None)
            assert callable(reset), f"{type(module).__name__} has parameters and no reset_parameters"
            reset()
