"""Networks of timm's registry, drawn as timm draws them, and the weights that timm can download. The only door to timm.

timm is the optional extra ``timm`` and is imported when the first of its networks is asked for.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from fitscape.models.spec import TIMM, ModelSpec

InputShape = tuple[int, int, int]
INSTALL = "pip install 'timm>=1.0.20'"


def names() -> list[str]:
    """Every network of the installed timm, without the names of weights.

    Raises:
        ValueError: timm is not installed; the text says how to install it.
    """
    return list(_timm().list_models())


def network(spec: ModelSpec, input_shape: InputShape, classes: int) -> nn.Module:
    """Images [B, C, H, W] to logits [B, classes]; weights from torch's default generator, on its default device.

    A network that is published for one size of images (most transformers) is made for the size given.

    Raises:
        ValueError: no timm, no such network, or one that cannot be made for such images.
    """
    timm, name = _timm(), spec.family.removeprefix(TIMM)
    if not timm.is_model(name):
        raise ValueError(f"family: timm {timm.__version__} has no network '{name}'")
    options: dict[str, Any] = {"num_classes": classes, "in_chans": input_shape[0], "drop_rate": spec.dropout}
    if timm.get_pretrained_cfg(name).fixed_input_size:
        options["img_size"] = input_shape[1:]
    try:
        model = timm.create_model(name, pretrained=False, **options)
    except _REFUSALS as error:
        raise _unfit(spec, input_shape, error) from error
    assert isinstance(model, nn.Module)
    return model


def download(name: str) -> tuple[dict[str, torch.Tensor], Mapping[str, Any]]:
    """State dict and facts (``mean``, ``std`` of pixels from 0 to 1, ``license``) of weights, by timm's own code.

    Args:
        name: of a network, and of its weights after a dot where it has several: ``resnet18.a1_in1k``.

    Raises:
        ValueError: no timm, no such network, or weights that cannot be had; the text says which.
    """
    timm = _timm()
    if not timm.is_model(name.partition(".")[0]):
        raise ValueError(f"timm {timm.__version__} has no network '{name.partition('.')[0]}'")
    try:
        model = timm.create_model(name, pretrained=True)
    except Exception as error:  # timm, its hub and the network raise many kinds
        raise ValueError(f"timm cannot load it: {str(error).partition(chr(10))[0]}") from error
    return model.state_dict(), dict(model.pretrained_cfg)


def blueprint(spec: ModelSpec, input_shape: InputShape, classes: int) -> nn.Module:
    """The network on the meta device, after one image has gone through it: that shows what fits.

    Raises:
        ValueError: as ``network``.
    """
    with torch.device("meta"):
        model = network(spec, input_shape, classes)
        try:
            with torch.no_grad():
                model.eval()(torch.zeros(1, *input_shape))
        except _REFUSALS as error:
            raise _unfit(spec, input_shape, error) from error
    return model.train()


_REFUSALS = (AssertionError, IndexError, RuntimeError, TypeError, ValueError, ZeroDivisionError)


def _unfit(spec: ModelSpec, input_shape: InputShape, error: Exception) -> ValueError:
    said = str(error).partition("\n")[0] or type(error).__name__
    channels, height, width = input_shape
    return ValueError(f"input_shape: {spec.family} cannot take {height}x{width} images of {channels} channels ({said})")


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise ValueError(f"family: timm is not installed; {INSTALL}") from error
    return timm
