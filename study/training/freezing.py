"""Which parts of a net a trial leaves as they are, bit for bit, and how fast the others learn.

A frozen part is in eval mode for good. Without that its batch norms would go on averaging the new images' statistics,
and its dropout would go on drawing, while its weights stand still.
"""

from collections.abc import Callable, Iterator

from torch import Tensor, nn

from fitscape.models.stages import stages
from fitscape.study.config import Optimization


def freeze(model: nn.Module, config: Optimization) -> None:
    """Freeze the first ``config.freeze`` stages (all but the head, where there are fewer), and batch norms if asked."""
    *before_head, _ = stages(model)
    for stage in before_head[: config.freeze]:
        for module in stage.modules.values():
            _hold(module)
    if config.bn == "frozen":
        for layer in list(normalizing(model)):
            _hold(layer)


def normalizing(model: nn.Module) -> Iterator[nn.Module]:
    """Layers that keep running averages: torch's batch norms, and timm's layers that are made like them."""
    return (
        layer
        for layer in model.modules()
        if hasattr(layer, "momentum") and isinstance(getattr(layer, "running_var", None), Tensor)
    )


def is_frozen(module: nn.Module) -> bool:
    """Whether ``freeze`` has put it in eval mode for good."""
    return "train" in vars(module)


def scales(model: nn.Module, config: Optimization) -> dict[int, float]:
    """What a parameter's learning rate is multiplied with, by its id: layer decay, and the head's own ratio.

    The stage before the head learns at the trial's rate times ``layer_decay``, the one before that at its square, and
    so on (Howard and Ruder 2018, section 3.2; Clark et al. 2020, appendix).
    """
    found: dict[int, float] = {}
    for distance, stage in enumerate(reversed(stages(model))):
        scale = config.layer_decay**distance if distance else config.head_lr_ratio
        found |= {id(parameter): scale for parameter in stage.parameters()}
    return found


def _hold(module: nn.Module) -> None:
    module.requires_grad_(False)
    for part in module.modules():
        part.training = False
        vars(part)["train"] = _staying(part)  # in the place of the class's own


def _staying(module: nn.Module) -> Callable[..., nn.Module]:
    """``train`` of a frozen module, which changes nothing."""

    def train(mode: bool = True) -> nn.Module:
        return module

    return train
