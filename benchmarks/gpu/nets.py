"""The nets and the made-up images that are measured."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from fitscape.models.spec import ModelSpec
from fitscape.study.config import Optimization, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Progress, Settings, run_trial
from fitscape.study.training.settings import Precision

SHAPE, CLASSES = (3, 32, 32), 10  # CIFAR-10's


@dataclass(frozen=True)
class Net:
    """A net with its batch, by the name of its row."""

    name: str
    spec: ModelSpec
    batch: int


def resnet18(width: float, batch: int) -> Net:
    return Net(f"ResNet18 width {width:g} batch {batch}", ModelSpec(depth=18, width=width), batch)


def densenet121(batch: int, width: float = 1.0) -> Net:
    named = f"DenseNet121 batch {batch}" if width == 1 else f"DenseNet121 width {width:g} batch {batch}"
    return Net(named, ModelSpec(family="densenet", depth=121, width=width), batch)


# By what the goals are set for, the others after.
SPEED = (
    resnet18(1, 512),
    resnet18(0.25, 128),
    resnet18(0.125, 128),
    densenet121(128),
    resnet18(1, 128),
    densenet121(512),
    resnet18(0.25, 512),
    resnet18(0.125, 512),
)
TINY = (resnet18(0.0625, 32),)  # for a rehearsal on the CPU


def made_up(train: int, validation: int = 2000, *, probe: int = 2000) -> TrialData:
    """Images of noise on one of ten patterns, so that a net can learn; no file is read."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(CLASSES, (train + validation,), generator=generator)
    patterns = torch.randint(256, (CLASSES, *SHAPE), generator=generator, dtype=torch.uint8)
    noise = torch.randint(256, (train + validation, *SHAPE), generator=generator, dtype=torch.uint8)
    images = noise // 2 + patterns[labels] // 2
    pixels = images[:train].reshape(train, SHAPE[0], -1).long()
    return TrialData(
        train_images=images[:train].contiguous(),
        train_labels=labels[:train].contiguous(),
        train_moments=torch.stack([pixels.sum(-1), pixels.square().sum(-1)], -1),
        val_images=images[train:].contiguous(),
        val_labels=labels[train:].contiguous(),
        val_half=torch.rand(validation, generator=generator) > 0.5,
        classes=tuple(map(str, range(CLASSES))),
        fingerprint="made up",
        probe_size=probe,
    )


def trial_config(net: Net, *, steps: int | None, epochs: int = 100_000, **others: Any) -> TrialConfig:
    optimization = Optimization(
        lr=0.02, schedule="constant", batch_size=net.batch, epochs=epochs, steps_per_epoch=steps
    )
    return TrialConfig(model=net.spec, optimization=optimization).with_hyperparameters(others)


def fast(device: str, **others: Any) -> Settings:
    """As a study on a card computes: bf16, channels_last."""
    precision: Precision = "bf16" if device == "cuda" else "fp32"
    return replace(Settings(device=device, precision=precision, memory_format="channels_last"), **others)


WAYS = ("eager", "graph")  # a step's launches one by one, or captured


def way(settings: Settings, name: str) -> Settings:
    return replace(settings, captured=name == "graph")


def running(
    net: Net, data: TrialData, settings: Settings, steps: int, on_step: Callable[[], None] | None = None
) -> Iterator[Progress]:
    """The trial loop itself, without end, measured after every ``steps`` steps."""
    return run_trial(trial_config(net, steps=steps), data, settings=settings, on_step=on_step)
