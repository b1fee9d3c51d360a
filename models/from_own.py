"""Networks of a user's own code, called as ``NAME(channels, classes, **keywords)``. What they give is checked.

They come as they are: their code draws the weights, from torch's default generator, and no hyperparameter of ours
acts on them.
"""

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fitscape.models.reference import CodeReference
from fitscape.models.spec import ModelSpec

InputShape = tuple[int, int, int]
IMAGES = 2  # of the batch that is tried


class Network(Protocol):
    """What ``family: my_nets.py:NAME`` names: a class derived from ``torch.nn.Module``, or a function.

    Keywords beyond the first two whose default is a number, a word, true or false are hyperparameters: they stand in
    ``base.model.keywords``, and a space can search them by their own names.
    """

    def __call__(self, channels: int, classes: int, /, **keywords: Any) -> nn.Module:
        """A network for normalized float images [B, channels, H, W] that returns logits [B, classes].

        Args:
            channels: of an image.
            classes: of the data set.
            keywords: hyperparameters of its own.
        """


def network(spec: ModelSpec, input_shape: InputShape, classes: int) -> nn.Module:
    """The network on torch's default device.

    Raises:
        ValueError: the code raised, or made something else than a network.
    """
    make = CodeReference.parse(spec.family).load()
    try:
        model = make(input_shape[0], classes, **spec.keywords)
    except Exception as error:
        raise ValueError(
            f"family: {spec.family}({_arguments(spec, input_shape, classes)}) raised {_said(error)}"
        ) from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"family: {spec.family} gives {type(model).__name__}, not a torch.nn.Module")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError(f"family: {spec.family} has no parameters to train")
    return model


def blueprint(spec: ModelSpec, input_shape: InputShape, classes: int) -> nn.Module:
    """The network on the meta device, or on the CPU where its code cannot do with shapes alone.

    Raises:
        ValueError: as ``network``.
    """
    try:
        with torch.device("meta"):
            model = network(spec, input_shape, classes)
            with torch.no_grad():
                model.eval()(torch.zeros(1, *input_shape))
        return model.train()
    except Exception:  # noqa: BLE001  (code that looks at numbers fails there in ways of its own)
        return network(spec, input_shape, classes)


def require_contract(spec: ModelSpec, input_shape: InputShape, classes: int) -> None:
    """Build the network and take one step of it on made-up images, without an optimizer.

    Raises:
        ValueError: it does not do what ``Network`` says; the text says what it did.
    """
    model = network(spec, input_shape, classes)
    images = torch.randn(IMAGES, *input_shape)
    for mode in (False, True):
        logits = _logits(spec, model.train(mode), images)
        shape = tuple(logits.shape)
        if shape != (IMAGES, classes):
            raise ValueError(
                f"family: {spec.family} gives logits of shape {shape} for {IMAGES} images and {classes} classes; "
                f"expected ({IMAGES}, {classes})"
            )
        if not logits.is_floating_point():
            raise ValueError(f"family: {spec.family} gives logits of type {logits.dtype}; expected floating point")
    try:
        logits.float().square().mean().backward()
    except RuntimeError as error:
        raise ValueError(f"family: {spec.family} cannot be trained: {_said(error)}") from error
    if all(parameter.grad is None for parameter in model.parameters()):
        raise ValueError(f"family: no parameter of {spec.family} gets a gradient")


def _logits(spec: ModelSpec, model: nn.Module, images: Tensor) -> Tensor:
    try:
        logits = model(images)
    except Exception as error:
        size = "x".join(map(str, images.shape[2:]))
        raise ValueError(
            f"family: {spec.family} cannot take {size} images of {images.shape[1]} channels: {_said(error)}"
        ) from error
    if not isinstance(logits, Tensor):
        raise ValueError(f"family: {spec.family} returns {type(logits).__name__} for images, not logits")
    return logits


def _arguments(spec: ModelSpec, input_shape: InputShape, classes: int) -> str:
    return ", ".join(
        [str(input_shape[0]), str(classes), *(f"{name}={value!r}" for name, value in spec.keywords.items())]
    )


def _said(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
