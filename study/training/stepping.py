"""How a trial's steps are run: one launch after another, or captured and replayed."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from fitscape.study.training.captured import CapturedStep
from fitscape.study.training.card import CardPool
from fitscape.study.training.memory import TrialOutOfMemory, is_out_of_memory
from fitscape.study.training.randomness import Randomness
from fitscape.study.training.step import TrainingStep
from fitscape.study.training.warm_up import Snapshot, fit


class Stepping:
    """The steps of one trial in this process.

    Args:
        step: eager.
        model, optimizer, randomness: what it changes.
        card: where it runs; None on the CPU.
        keep_eager: why it is not to be captured; empty where it is.
    """

    def __init__(
        self,
        step: TrainingStep,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        randomness: Randomness,
        *,
        card: CardPool | None,
        keep_eager: str,
    ) -> None:
        self._eager = step
        self._run: TrainingStep | CapturedStep = step
        self._model, self._optimizer, self._randomness = model, optimizer, randomness
        self._card = card
        self.why_eager = keep_eager
        self._begun = False
        self.settled = False  # whether the first step is behind, and with it what fits

    @property
    def parts(self) -> int:
        """In which a batch goes through: two where it does not fit whole."""
        return self._eager.gradients.parts

    @parts.setter
    def parts(self, count: int) -> None:
        assert not self._begun, "the parts of a batch are settled by the first step"
        self._eager.gradients.parts = count

    @property
    def total(self) -> torch.Tensor:
        """Sum of the batches' losses since it was last set to zero, on the device."""
        return self._eager.total

    def running(self) -> AbstractContextManager[None]:
        """Steps and evaluations belong in here."""
        return self._card.running() if self._card else nullcontext()

    def borrowing(self) -> AbstractContextManager[None]:
        """Inside, memory is that which steps leave free in between; nothing may be kept on the device."""
        return self._card.borrowing() if self._card and self._run is not self._eager else nullcontext()

    def backward(self) -> None:
        """The chosen batch's gradient, left in ``.grad``."""
        if not self._begin(self._eager.backward):
            self._run.backward()

    def update(self) -> None:
        """New weights from that gradient."""
        self._run.update()

    def whole(self) -> None:
        """Both, in one launch where steps are captured."""
        if not self._begin(self._eager.whole):
            self._run.whole()

    def _begin(self, work: Callable[[], None]) -> bool:
        """Before the first step settle how steps are run; True where ``work`` is done with that."""
        if self._begun:
            return False
        self._begun = True
        snapshot = Snapshot(self._model, self._optimizer, self._randomness)
        if self._card is None:  # a step thrown away could take half a minute
            fit(self._eager, work, snapshot)
            self.settled = True
            return True
        self._warm_up(snapshot)
        if not self.why_eager:
            self._capture(self._card, snapshot)
        self.settled = True
        return False

    def _warm_up(self, snapshot: Snapshot) -> None:
        """Take a step and undo it: it loads kernels, makes the optimizer's state, and shows whether a batch fits.

        Raises:
            TrialOutOfMemory: not even half a batch fits.
        """
        fit(self._eager, self._eager.whole, snapshot)
        snapshot.restore()
        self._eager.total.zero_()

    def _capture(self, card: CardPool, snapshot: Snapshot) -> None:
        """
        Raises:
            TrialOutOfMemory: not even half a batch fits.
        """
        try:
            self._run = CapturedStep(self._eager, card, [self._randomness.augmentation])
            return
        except RuntimeError as error:
            reason, fits = f"{type(error).__name__}: {error}".splitlines()[0], not is_out_of_memory(error)
        card.forget()
        if fits:
            self.why_eager = reason
            return
        if self.parts > 1:
            raise TrialOutOfMemory(f"oom: half a batch does not fit: {reason}")
        self._eager.gradients.parts = 2
        self._warm_up(snapshot)
        self._capture(card, snapshot)
