"""A trial's first step in a process finds out what fits its device, and whatever does not fit leaves no trace."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fitscape.study.training.memory import TrialOutOfMemory, is_out_of_memory
from fitscape.study.training.randomness import Randomness
from fitscape.study.training.step import TrainingStep


class Snapshot:
    """All that a step changes, as it is now."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, randomness: Randomness) -> None:
        self._optimizer, self._randomness = optimizer, randomness
        changed = [*model.parameters(), *model.buffers(), *_tensors(optimizer)]
        self._kept = [(tensor, tensor.detach().clone()) for tensor in changed]
        self._streams = randomness.snapshot()

    @torch.no_grad()
    def restore(self) -> None:
        """In place: every tensor stays where it is. What the optimizer has made since is zero, as it begins."""
        for tensor, value in self._kept:
            tensor.copy_(value)
        known = {id(tensor) for tensor, _ in self._kept}
        for tensor in _tensors(self._optimizer):
            if id(tensor) not in known:
                tensor.zero_()
        self._randomness.restore(self._streams)


def fit(step: TrainingStep, work: Callable[[], None], snapshot: Snapshot) -> None:
    """Do ``work``, a part of the step or all of it; where the batch does not fit, undo it and do it in halves.

    Raises:
        TrialOutOfMemory: not even half a batch fits.
    """
    failure = _attempt(work)
    if failure and step.gradients.parts == 1:
        snapshot.restore()
        step.total.zero_()
        step.gradients.parts = 2
        failure = _attempt(work)
    if failure:
        raise TrialOutOfMemory(f"oom: half a batch does not fit: {failure}")


def _attempt(work: Callable[[], None]) -> str:
    """Of work that does not fit, the error's text: the error itself would keep the step's activations alive."""
    try:
        work()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return str(error)
    return ""


def _tensors(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    state: dict[Any, dict[str, Any]] = optimizer.state
    return [value for entry in state.values() for value in entry.values() if isinstance(value, Tensor)]
