"""Trials that take milliseconds and misbehave on demand, in the place of ``study.training.run_trial``."""

import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hand_made import make_epoch

from fitscape.study.config import StudyConfig
from fitscape.study.scheduling.events import Event, Message, TrialEnded, TrialStarted
from fitscape.study.training import Progress

RAISES, KILLED_ONCE, OUT_OF_MEMORY, NO_RECORD, HANGS, DIVERGES, KILLED_ALWAYS, HALVED, STOPPED = range(
    100, 109
)  # seeds
CRASHES_IN_A_LAYOUT, CRASHES_ALWAYS = 109, 110
KILL_AT = 3  # epoch


def odd_trials(folder: Path, *, seconds: float = 0.0) -> Callable[..., Iterator[Any]]:
    """A trial function; each epoch that it trains is a line in ``folder/TRIAL_ID``, each epoch takes ``seconds``."""

    def run(
        config: Any, data: Any, *, settings: Any, checkpoint: bytes | None, on_step: Callable[[], None]
    ) -> Iterator[Any]:
        first = 1
        if checkpoint is not None:
            first = json.loads(checkpoint)["epoch"] + 1  # JSONDecodeError is a ValueError: a corrupt checkpoint
        return epochs(config, first, on_step, settings.memory_format)

    def epochs(config: Any, first: int, on_step: Callable[[], None], layout: str) -> Iterator[Any]:
        log = folder / config.trial_id
        for epoch in range(first, config.optimization.epochs + 1):
            time.sleep(seconds)
            on_step()
            with log.open("a") as file:
                file.write(f"{epoch}\n")
            died_before = log.read_text().split().count(str(KILL_AT)) > 1
            if config.seed == RAISES and epoch == 2:
                raise ArithmeticError("no such luck")
            if config.seed == OUT_OF_MEMORY:
                raise MemoryError("3 GiB asked for")
            if epoch == KILL_AT and (config.seed == KILLED_ALWAYS or (config.seed == KILLED_ONCE and not died_before)):
                os.kill(os.getpid(), signal.SIGKILL)
            crashes = config.seed == CRASHES_IN_A_LAYOUT and layout != "nchw"
            if epoch == KILL_AT and (crashes or config.seed == CRASHES_ALWAYS):
                signal.raise_signal(signal.SIGSEGV)
            if config.seed == STOPPED and epoch == KILL_AT and not died_before:
                os.kill(os.getpid(), signal.SIGSTOP)
            if config.seed == HANGS and epoch == 2:
                time.sleep(600)
            diverged = config.seed == DIVERGES and epoch == 2
            yield Progress(
                record={} if config.seed == NO_RECORD else make_epoch(0.5, math.nan if diverged else 0.6, epoch=epoch),
                checkpoint=lambda epoch=epoch: json.dumps({"epoch": epoch}).encode(),
                diverged=diverged,
                late=None,
                size=None,
                halved=config.seed == HALVED,
            )

    return run


class Card:
    """A logical card that fails under the trials on it, and what its workers and its node find of it then.

    Args:
        folder: what has happened is written down there, for all processes.
        uuid: of the card, ``logical-1``.
        fixed: whether it runs kernels again once the process that failed is gone.
        at_start: whether it is broken before any trial is on it.
    """

    def __init__(self, folder: Path, uuid: str, *, fixed: bool = False, at_start: bool = False) -> None:
        self.folder, self.uuid, self.fixed = folder, uuid, fixed
        if at_start:
            self._failed.touch()

    @property
    def _failed(self) -> Path:
        return self.folder / "failed"

    @property
    def _seen(self) -> Path:
        return self.folder / "seen"

    def mine(self) -> bool:
        return os.environ.get("CUDA_VISIBLE_DEVICES") == self.uuid.removeprefix("logical-")

    def run(self, config: Any, data: Any, *, settings: Any, checkpoint: bytes | None, on_step: Any) -> Iterator[Any]:
        if self.mine():
            self._seen.touch()
            with (self.folder / "on-it").open("a") as file:
                file.write(f"{config.seed}\n")
        deadline = time.monotonic() + 100
        while not self._seen.exists() and time.monotonic() < deadline:  # or quick workers would run all of the trials
            on_step()
            time.sleep(0.1)
        for epoch in range(1, config.optimization.epochs + 1):
            on_step()
            time.sleep(0.2)
            if self.mine() and epoch == 2:
                (self.folder / str(os.getpid())).touch()
                self._failed.touch()
                raise RuntimeError("CUDA error: unspecified launch failure")
            yield Progress(
                record=make_epoch(0.5, 0.6, epoch=epoch),
                checkpoint=lambda: b"{}",
                diverged=False,
                late=None,
                size=None,
                halved=False,
            )

    def fault(self) -> str:
        """In a worker."""
        failed = self.mine() and self._failed.exists()
        if failed:
            self._seen.touch()
        if self.fixed:  # but for the process whose context is lost
            failed = failed and (self.folder / str(os.getpid())).exists()
        return "unspecified launch failure" if failed else ""

    def check(self, uuid: str) -> str:
        """On its node."""
        return "runs no kernel" if uuid == self.uuid and self._failed.exists() and not self.fixed else ""


def falling_trials(
    config: Any, data: Any, *, settings: Any, checkpoint: bytes | None, on_step: Callable[[], None]
) -> Iterator[Any]:
    """Trials whose end is plain to see from their first epochs: the wider the net, the lower it falls."""
    for epoch in range(1, config.optimization.epochs + 1):
        error = 0.6 - 0.5 * config.model.width + 0.3 * 0.6**epoch
        yield Progress(
            record=make_epoch(0.8 * error, error, epoch=epoch),
            checkpoint=lambda epoch=epoch: json.dumps({"epoch": epoch}).encode(),
            diverged=False,
            late=None,
            size=None,
            halved=False,
        )


def epochs_trained(folder: Path, trial_id: str) -> list[int]:
    """Every epoch that was trained, in order, over all attempts."""
    log = folder / trial_id
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def seeds_study(seeds: list[int], *, epochs: int = 4, **resources: Any) -> StudyConfig:
    """A trial for each seed; the seed says how it behaves."""
    return StudyConfig.model_validate(
        {
            "name": "odd",
            "base": {"optimization": {"epochs": epochs}},
            "enqueue": [{"seed": seed} for seed in seeds],
            "search": {"trials": len(seeds)},
            "resources": resources,
        }
    )


class Heard:
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.started: list[str] = []
        self.ended: list[str] = []

    def __call__(self, event: Event) -> None:
        match event:
            case Message():
                self.messages.append(event.text)
            case TrialStarted():
                self.started.append(event.trial.trial_id)
            case TrialEnded():
                self.ended.append(event.trial.trial_id)
