"""Measure a few training steps, choose precision and memory layout, and record the choice with its evidence."""

import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import torch

from fitscape.models.size import measure
from fitscape.models.spec import ModelSpec
from fitscape.study.config import Optimization
from fitscape.study.training import memory
from fitscape.study.training.card import CardPool
from fitscape.study.training.network import make_network
from fitscape.study.training.operators import why_not_captured
from fitscape.study.training.optimization import make_optimizer
from fitscape.study.training.randomness import Randomness, seeded_default
from fitscape.study.training.settings import MemoryFormat, Precision, Settings, TrainingSpeed
from fitscape.study.training.step import Gradients, TrainingStep
from fitscape.study.training.stepping import Stepping

PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
MEMORY_FORMATS: tuple[MemoryFormat, ...] = ("nchw", "channels_last", "mixed")
MEASURED_FLOPS = 2e9  # of a step's forward pass on the CPU, a tenth of a second: more chooses no better, only later
FEWEST, MOST = 8, 32  # images of such a step
WITHIN = 10.0  # seconds of this process in which a CPU's candidates are measured; those that are left are not
ROUNDS = 3
HOPELESS = 1.3  # times the best of the first round: not measured again


class Stepper:
    """Training steps of one net on made-up images: the engine without data, augmentation and evaluation."""

    def __init__(
        self, spec: ModelSpec, input_shape: tuple[int, int, int], classes: int, *, settings: Settings, batch: int
    ) -> None:
        device = settings.torch_device
        with seeded_default(0, "calibration"):
            images = torch.randn(batch, *input_shape)
            labels = torch.randint(classes, (batch,))
        model = make_network(spec, input_shape, classes, seed=0, settings=settings)
        images = images.to(device=device, memory_format=settings.torch_memory_format)
        batch_on_device = images, labels.to(device)
        self._model, self._images, self._settings = model, images, settings
        optimizer = make_optimizer(model, Optimization(lr=0.01))
        self._randomness = Randomness(0, device)
        on_card = device.type == "cuda"
        self._stepping = Stepping(
            TrainingStep(lambda: batch_on_device, Gradients(model, settings), optimizer, device),
            model,
            optimizer,
            self._randomness,
            card=CardPool() if on_card else None,
            keep_eager=why_not_captured(spec, input_shape, classes)
            if on_card and settings.captured
            else "not asked for",
        )

    def seconds(self, steps: int = 1) -> float:
        """Time of ``steps`` training steps, waiting for the device at the end only.

        With one CPU thread it is that thread's time (backward runs in it too), which neither other processes' turns
        lengthen nor what the driver's other threads do meanwhile: it loads Ray as this is measured.
        """
        total = self._stepping.total
        with self._randomness.running(), self._stepping.running():
            started = self._clock()
            for _ in range(steps):
                self._stepping.whole()
            total.item()
            return self._clock() - started

    def evaluation_seconds(self) -> float:
        """Time of one evaluation of the step's images, by the same clock."""
        self._model.eval()
        with self._stepping.running(), torch.inference_mode(), self._settings.autocast():
            started = self._clock()
            self._model(self._images).float().sum().item()
            seconds = self._clock() - started
        self._model.train()
        return seconds

    def _clock(self) -> float:
        one_cpu_thread = not self._images.is_cuda and torch.get_num_threads() == 1
        return time.thread_time() if one_cpu_thread else time.perf_counter()


def choose_settings(
    spec: ModelSpec,
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    settings: Settings,
    precision: Precision | None = None,
    formats: Sequence[MemoryFormat] | None = None,
    batch_size: int = 128,
) -> Settings:
    """The fastest precision and layout for this net on this device, and what was measured.

    Args:
        spec: the net; for a study, its costliest.
        input_shape: (C, H, W) of one image.
        classes: number of classes.
        settings: what is given and not chosen: device and threads.
        precision: the study's, once it has one; then only the layout is chosen.
        formats: the layouts to choose from; None: all that this kind of device has.
        batch_size: images per step; on the CPU a large net is measured with fewer.

    A card's step is measured as trials run it, captured where it can be. bf16 is tried where the device has units for
    it: a card without them emulates it, at a hundredth of the speed.
    """
    cuda = settings.torch_device.type == "cuda"
    batch = batch_size if cuda else min(batch_size, _enough(measure(spec, input_shape, classes)[1]))
    formats = formats or (MEMORY_FORMATS[:2] if cuda else MEMORY_FORMATS)  # mixed is a matter of the CPU's kernels
    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    memory.keep_freed_memory(settings.torch_device)
    try:
        contest = Contest(
            lambda c: Stepper(spec, input_shape, classes, settings=c, batch=batch),
            10 if cuda else 1,
            within=None if cuda else WITHIN,
        )
        for p, m in product((precision,) if precision else _precisions(settings), formats):
            contest.enter(replace(settings, precision=p, memory_format=m))
        rates = tuple(_rate(c, batch / seconds) for c, seconds in contest.best.items())
        return replace(contest.winner, rates=rates)
    finally:
        torch.set_num_threads(before)


class Contest:
    """Each candidate against the fastest so far, so that two nets at most are in memory.

    The two are timed in turn, and each counts with its best round: a neighbour's burst of work decides nothing.

    Args:
        make: a candidate's stepper.
        repeats: steps of a round.
        within: seconds of this process after which nothing is measured but a first candidate; None: no such limit.
    """

    def __init__(self, make: Callable[[Settings], Stepper], repeats: int, *, within: float | None = None) -> None:
        self._make, self._repeats = make, repeats
        self._until = math.inf if within is None else time.process_time() + within
        self.best: dict[Settings, float] = {}  # seconds of a step, of each candidate that fits the device
        self._held: Stepper | None = None  # the fastest one's
        self._failure: RuntimeError | None = None

    @property
    def winner(self) -> Settings:
        """Raises RuntimeError: no candidate fits; the last one's error."""
        if self._failure is not None and not self.best:
            raise self._failure
        return min(self.best, key=self.best.__getitem__)

    def enter(self, candidate: Settings) -> None:
        """Measure one more, if there is time. One whose step does not fit the device, even alone, is dropped."""
        if self.best and self._over():
            return
        stepper = self._stepper(candidate)
        if stepper is None and self._held is not None:
            self._held = None
            stepper = self._stepper(candidate)
        if stepper is None:
            return
        champion = self.winner if self.best else None
        self._round(candidate, stepper)
        if champion is not None and self.best[candidate] > HOPELESS * self.best[champion]:
            return
        for _ in range(ROUNDS - 1):
            if self._over():
                break
            if champion is not None and self._held is not None:
                self._round(champion, self._held)
            self._round(candidate, stepper)
        if self.winner == candidate:
            self._held = stepper

    def _over(self) -> bool:
        return time.process_time() > self._until

    def _round(self, candidate: Settings, stepper: Stepper) -> None:
        seconds = stepper.seconds(self._repeats) / self._repeats
        self.best[candidate] = min(self.best.get(candidate, seconds), seconds)

    def _stepper(self, candidate: Settings) -> Stepper | None:
        """One that has made its first step, which allocates, and on CUDA loads kernels; None where it does not fit."""
        gc.collect()  # a net that was dropped has cycles
        try:
            stepper = self._make(candidate)
            stepper.seconds()
        except RuntimeError as error:
            if not (isinstance(error, memory.TrialOutOfMemory) or memory.is_out_of_memory(error)):
                raise
            self._failure = error.with_traceback(None)  # whose frames hold what did not fit
            return None
        return stepper


def _precisions(settings: Settings) -> tuple[Precision, ...]:
    emulated = settings.torch_device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
    return PRECISIONS[:1] if emulated else PRECISIONS


def _enough(flops: int) -> int:
    """Images of a measured step, of a net that takes so many FLOPs per image."""
    return max(FEWEST, min(MOST, int(MEASURED_FLOPS / max(flops, 1))))


def _rate(settings: Settings, images_per_second: float) -> TrainingSpeed:
    return TrainingSpeed(
        precision=settings.precision,
        memory_format=settings.memory_format,
        images_per_second=images_per_second,
    )
