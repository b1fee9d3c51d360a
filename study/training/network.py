"""The net of a trial, drawn from its own seed and placed on its device."""

from torch import nn

from models.build import build
from models.spec import ModelSpec
from study.training.randomness import seeded_default
from study.training.settings import Settings


def make_network(
    spec: ModelSpec, input_shape: tuple[int, int, int], classes: int, *, seed: int, settings: Settings
) -> nn.Module:
    """In train mode. Drawn on the CPU whatever the device, so that a seed means the same weights everywhere.

    Raises:
        ValueError: as ``models.build.build``.
    """
    with seeded_default(seed, "initialization"):
        model = build(spec, input_shape=input_shape, classes=classes)
    # Two calls: torch's stubs know no .to with both.
    return model.to(settings.torch_device).to(memory_format=settings.torch_memory_format).train()
