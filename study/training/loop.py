"""One trial from its first to its last epoch. Knows nothing of Ray, MLflow and Optuna."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from fitscape.models.starting_weights import StartingWeights
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.records import EpochRecord
from fitscape.study.training import memory
from fitscape.study.training.balanced import balanced_fields
from fitscape.study.training.own_loop import run_own
from fitscape.study.training.predictions import predictions
from fitscape.study.training.progress import Progress
from fitscape.study.training.settings import Settings
from fitscape.study.training.state import TrialRun

FINITE_CHECK_EVERY = 50  # steps, on the CPU, where looking at a loss waits for nothing


def run_trial(
    config: TrialConfig,
    data: TrialData,
    *,
    settings: Settings,
    weights: StartingWeights | None = None,
    checkpoint: bytes | None = None,
    on_step: Callable[[], None] | None = None,
) -> Iterator[Progress]:
    """Train one net and measure it after every epoch, or let a loop of the user's own do so.

    Same config, device and settings: the same numbers, whatever else the process or the machine does, and
    whether or not the trial was interrupted. From a checkpoint of epoch e the next epoch is e + 1; from one
    of the last epoch nothing follows. ``on_step`` is called after each step, as a sign of life. ``weights`` are those
    that the config names.

    Raises:
        ValueError: at once; a corrupt checkpoint, or one of another trial, data set or precision; other weights than
            the config names.
        TrialOutOfMemory: at once or from the iterator; half a batch does not fit the device.
        AttemptOutOfMemory: from the iterator; memory that the trial had is gone. It can go on from a checkpoint.
    """
    memory.reset_peak(settings.torch_device)
    data = data.of_trial(config)
    if config.trial is not None:
        return run_own(config, data, settings=settings, saved=checkpoint, on_step=on_step)
    memory.keep_freed_memory(settings.torch_device)
    with _naming_lack_of_memory(begun=lambda: False), _threads(settings.threads):
        trial = TrialRun(config, data, settings, weights)
        if checkpoint is not None:
            trial.restore(checkpoint)
    return _epochs(trial, on_step or (lambda: None))


def _epochs(trial: TrialRun, on_step: Callable[[], None]) -> Iterator[Progress]:
    while trial.epoch < trial.config.optimization.epochs:
        # Threads and default generators are the process's: this trial has them only until it yields.
        with (
            _naming_lack_of_memory(begun=lambda: trial.stepping.settled),
            _threads(trial.settings.threads),
            trial.randomness.running(),
            trial.repeatable(),
            trial.stepping.running(),
        ):
            started = time.perf_counter()
            batch_loss, images = _train_epoch(trial, on_step)
            trained = time.perf_counter()
            progress = _measure(trial, batch_loss, images, trained - started)
        yield progress
        if progress.diverged:
            return


def _train_epoch(trial: TrialRun, on_step: Callable[[], None]) -> tuple[float, int]:
    """Mean batch loss and images trained on; ends early once the loss is no longer finite."""
    total = trial.stepping.total.zero_()
    steps = 0
    for steps in range(1, trial.steps_per_epoch + 1):
        trial.take_step(last_of_epoch=steps == trial.steps_per_epoch)
        on_step()
        if steps % FINITE_CHECK_EVERY == 0 and not total.is_cuda and not total.isfinite():
            break
    return total.item() / steps, steps * trial.batches.size  # the epoch's one wait for the device


def _measure(trial: TrialRun, batch_loss: float, images: int, train_seconds: float) -> Progress:
    """Evaluate the end of an epoch and write it down, non-finite values as they are."""
    trial.epoch += 1
    started = time.perf_counter()
    train, validation = trial.evaluate()
    half_a, half_b = trial.data.val_half, ~trial.data.val_half
    memorized = trial.memorization(train, validation)
    gradients, gradient_ratio = trial.gradient_probe.drain()
    record = EpochRecord(
        epoch=trial.epoch,
        step=trial.step,
        time=time.time(),
        train_loss=train.loss(),
        train_error=train.error(),
        val_loss=validation.loss(),
        val_error=validation.error(),
        train_n=len(train.losses),
        val_n=len(validation.losses),
        val_loss_a=validation.loss(half_a),
        val_loss_b=validation.loss(half_b),
        val_error_a=validation.error(half_a),
        val_error_b=validation.error(half_b),
        batch_loss=batch_loss,
        learning_rate=trial.learning_rate,
        train_seconds=train_seconds,
        eval_seconds=time.perf_counter() - started,
        images_per_second=images / train_seconds,
        peak_memory_mib=memory.peak_mib(trial.settings.torch_device),
        memorized_train=memorized.train,
        memorized_val=memorized.val,
        flipped_n=memorized.flipped_n,
        val_flipped_n=memorized.val_flipped_n,
        val_n_a=int(half_a.sum()),
        **balanced_fields(train, trial.probe_labels, validation, trial.data),
        gradients=gradients,
        gradient_ratio=gradient_ratio,
    )
    losses = torch.tensor([record.batch_loss, record.train_loss, record.val_loss])
    diverged = not (bool(losses.isfinite().all()) and trial.weights_are_finite())
    trial.best.update(trial.epoch, validation)
    last = trial.epoch == trial.config.optimization.epochs and not diverged
    return Progress(
        record=record,
        checkpoint=_checkpoint_of(trial, trial.epoch),
        diverged=diverged,
        late=trial.best.pair(trial.epoch, validation) if last else None,
        size=trial.size,
        predictions=predictions(validation, len(trial.data.classes)) if last or diverged else None,
        halved=trial.stepping.parts > 1,
        why_eager=trial.stepping.why_eager if trial.settings.captured else "",
    )


def _checkpoint_of(trial: TrialRun, epoch: int) -> Callable[[], bytes]:
    def checkpoint() -> bytes:
        assert trial.epoch == epoch, f"checkpoint of epoch {epoch} asked for in epoch {trial.epoch}"
        return trial.checkpoint()

    return checkpoint


@contextmanager
def _naming_lack_of_memory(*, begun: Callable[[], bool]) -> Iterator[None]:
    """What fits is settled by the first step; memory that lacks later is not this trial's doing."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, memory.TrialOutOfMemory) or not memory.is_out_of_memory(error):
            raise
        if begun():
            raise memory.AttemptOutOfMemory(f"memory that the trial had is gone: {error}") from error
        raise memory.TrialOutOfMemory(f"oom: {error}") from error


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
