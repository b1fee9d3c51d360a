"""The stages of a network from its input to its head: what is frozen, and which layers share a learning rate."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

HEAD = "head"
_HEADS = ("fc", "classifier", "head")  # torchvision's names of the last layer, and timm's
# Names of modules that begin with one of these belong to the stage. A family that is not here has its outermost
# parts as stages.
_RESNET = (("stem", ("conv1", "bn1")), *((f"layer{i}", (f"layer{i}",)) for i in range(1, 5)))
_DENSENET = (
    ("stem", ("features.conv0", "features.norm0")),
    *((f"denseblock{i}", (f"features.denseblock{i}", f"features.transition{i}")) for i in range(1, 4)),
    ("denseblock4", ("features.denseblock4", "features.norm5")),
)


@dataclass(frozen=True, eq=False)
class Stage:
    """Neighbouring layers under one name."""

    name: str
    modules: dict[str, nn.Module]  # by their names in the network

    def parameters(self) -> Iterator[nn.Parameter]:
        for module in self.modules.values():
            yield from module.parameters()


def stages(model: nn.Module) -> list[Stage]:
    """Every parameter is in exactly one stage; the last one is the head.

    Of resnet and plain: stem, layer1 .. layer4 (CIFAR nets: layer3). Of densenet: stem, denseblock1 .. denseblock4,
    each with the transition behind it. Of any other network: its outermost parts that have parameters.
    """
    parts = dict(model.named_modules())
    for known in (_RESNET, _DENSENET):
        found = [
            Stage(name, {m: parts[m] for m in members if m in parts})
            for name, members in known
            if any(m in parts for m in members)
        ]
        head = head_name(model)
        whole = [*found, Stage(HEAD, {head: parts[head]})] if head else found
        if head and _complete(model, whole):
            return whole
    return _outermost(model)


def head_name(model: nn.Module) -> str:
    """The name of the module that gives the logits; empty where the network has no single one.

    What timm says of its own networks, else a part called fc, classifier or head, else the last linear layer.
    """
    parts = dict(model.named_modules())
    if callable(own := getattr(model, "get_classifier", None)):
        head = own()
        return next(
            (name for name, module in parts.items() if module is head and any(True for _ in module.parameters())), ""
        )
    for name in _HEADS:
        if name in parts:
            return name
    linear = [name for name, module in parts.items() if isinstance(module, nn.Linear)]
    return linear[-1] if linear else ""


def _complete(model: nn.Module, found: list[Stage]) -> bool:
    """Whether the stages hold every parameter once."""
    held = [id(p) for stage in found for p in stage.parameters()]
    return len(held) == len(set(held)) and set(held) == {id(p) for p in model.parameters()}


def _outermost(model: nn.Module) -> list[Stage]:
    """The parts of the model itself; one that is the model's only part, or holds the head beside others, is opened."""
    head = head_name(model)
    found = list(_opened("", model, head))
    loose = {id(p) for p in model.parameters()} - {id(p) for stage in found for p in stage.parameters()}
    if loose or not found:  # parameters of the model's own, as a transformer's tokens, go with its first part
        first = found[0].modules if found else {}
        held = {id(p) for stage in found for p in stage.parameters()}
        own = nn.ParameterList([p for p in model.parameters() if id(p) not in held])
        found = [Stage(found[0].name if found else HEAD, {**first, "": own}), *found[1:]]
    at = next((i for i, stage in enumerate(found) if head in stage.modules), len(found) - 1)
    return [*found[:at], *found[at + 1 :], Stage(HEAD, found[at].modules)]


def _opened(prefix: str, module: nn.Module, head: str) -> Iterator[Stage]:
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        if not any(True for _ in child.parameters()):
            continue
        if isinstance(child, nn.Sequential | nn.ModuleList) or (head.startswith(f"{path}.")):
            yield from _opened(f"{path}.", child, head)
        else:
            yield Stage(path, {path: child})
