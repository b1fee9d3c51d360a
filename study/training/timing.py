"""Seconds that nets take for an image, from a few steps of each: what is said of a study before its first trial."""

import time
from collections.abc import Sequence
from typing import Any, Final

import torch

from fitscape.models.size import measure
from fitscape.models.spec import ModelSpec
from fitscape.study.training import memory
from fitscape.study.training.calibration import Stepper, choose_settings
from fitscape.study.training.settings import Settings

TIMED_WITHIN: Final = 4.0  # seconds of this process in which the timing of another net begins
ROUNDS: Final = 2
MOST_FLOPS: Final = 6e9  # of a timed step's forward pass on the CPU
FEWEST: Final = 8  # images of such a step

Timed = tuple[float, float]  # seconds per image of a training step, and of an evaluation


def time_nets(
    nets: Sequence[tuple[ModelSpec, int]], input_shape: tuple[int, int, int], classes: int, settings: Settings
) -> list[Timed | None]:
    """Each net's time per image, the shortest of ``ROUNDS``; None where time ran out, or it cannot be trained here.

    Args:
        nets: with the images of one training step.
        input_shape: (C, H, W) of one image.
        classes: number of classes.
        settings: as trials have them; a CPU's single thread is timed by its own clock, whatever else runs.
    """
    until = time.process_time() + TIMED_WITHIN
    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    memory.keep_freed_memory(settings.torch_device)
    try:
        return [
            _time(spec, batch, input_shape, classes, settings) if time.process_time() < until else None
            for spec, batch in nets
        ]
    finally:
        torch.set_num_threads(before)


def choose_and_time(
    nets: Sequence[tuple[ModelSpec, int]],
    *,
    spec: ModelSpec,
    input_shape: tuple[int, int, int],
    classes: int,
    **given: Any,
) -> tuple[Settings, list[Timed | None]]:
    """``choose_settings``, and ``time_nets`` under what was chosen."""
    settings = choose_settings(spec, input_shape, classes, **given)
    return settings, time_nets(nets, input_shape, classes, settings)


def _time(
    spec: ModelSpec, batch: int, input_shape: tuple[int, int, int], classes: int, settings: Settings
) -> Timed | None:
    try:
        if settings.torch_device.type == "cpu":
            batch = min(batch, max(FEWEST, int(MOST_FLOPS / max(measure(spec, input_shape, classes)[1], 1))))
        stepper = Stepper(spec, input_shape, classes, settings=settings, batch=batch)
        stepper.seconds()  # the first step allocates
        stepper.evaluation_seconds()
        step = min(stepper.seconds() for _ in range(ROUNDS))
        return step / batch, min(stepper.evaluation_seconds() for _ in range(ROUNDS)) / batch
    except Exception:  # noqa: BLE001  (no such net for these images, no room for it, own code: its trial tells)
        return None
