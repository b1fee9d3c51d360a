"""A training loop of the user's own as a trial: it runs in a thread that goes on while an epoch is asked for."""

import math
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np
import torch

from fitscape.models.reference import CodeReference
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.records import EpochRecord
from fitscape.study.training import checkpoint
from fitscape.study.training.own_data import own_data
from fitscape.study.training.progress import Progress
from fitscape.study.training.report import Report, StopTrial
from fitscape.study.training.settings import Settings

LEAVES_WITHIN = 10.0  # seconds that the loop has to leave once no epoch is wanted

Saved = bytes | Callable[[], bytes] | None


@dataclass(frozen=True)
class _Reported:
    record: EpochRecord
    saved: Saved
    notices: tuple[str, ...]


def run_own(
    config: TrialConfig,
    data: TrialData,
    *,
    settings: Settings,
    saved: bytes | None = None,
    on_step: Callable[[], None] | None = None,
) -> Iterator[Progress]:
    """``run_trial`` for a config whose ``trial`` names the user's code.

    Closing the iterator lets the next ``report`` raise ``StopTrial`` in the loop.

    Raises:
        ValueError: a checkpoint that is corrupt or of another trial. Exception: whatever the loop raises.
    """
    assert config.trial is not None
    identity = {"trial": config.trial_id, "data": data.fingerprint}
    state = None if saved is None else _unpacked(saved, identity)
    loop = _Loop(config, data, settings, on_step or (lambda: None), state)
    return _epochs(loop, identity, config.optimization.epochs)


def _epochs(loop: "_Loop", identity: dict[str, str], epochs: int) -> Iterator[Progress]:
    try:
        while (reported := loop.next_epoch()) is not None:
            record = reported.record
            values = (record.train_error, record.val_error, record.train_loss, record.val_loss)
            diverged = not all(value is None or math.isfinite(value) for value in values)
            yield Progress(
                record=record,
                checkpoint=_packing(reported.saved, identity, record.epoch),
                diverged=diverged,
                late=None,
                size=None,
                resumable=reported.saved is not None,
                notices=reported.notices,
            )
            if diverged or record.epoch >= epochs:
                return
    finally:
        loop.end()


class _Loop:
    """The user's function in a thread, which waits in ``report`` until the next epoch is asked for."""

    def __init__(
        self,
        config: TrialConfig,
        data: TrialData,
        settings: Settings,
        alive: Callable[[], None],
        state: dict[str, Any] | None,
    ) -> None:
        self._config, self._settings = config, settings
        self._events: SimpleQueue[_Reported | BaseException | None] = SimpleQueue()
        self._next = threading.Semaphore(0)
        self._ended = threading.Event()
        self._begun = False
        done = state["epoch"] if state else 0
        kept = bytes(state["own"].numpy().tobytes()) if state else None
        given = own_data(config, data, settings.device)
        self._report = Report(config.trial_id, given, self._hand_over, alive, done, kept)
        self._data = given
        self._thread = threading.Thread(target=self._run, name=f"trial {config.trial_id}", daemon=True)

    def next_epoch(self) -> _Reported | None:
        """What is reported next; None where the function has returned. Raises what it raises."""
        if self._begun:
            self._next.release()
        else:
            self._begun = True
            self._thread.start()
        event = self._events.get()
        if isinstance(event, BaseException):
            raise event
        return event

    def end(self) -> None:
        """Let the function leave. One that has reported its last epoch may still do what comes after that."""
        self._ended.set()
        self._next.release()
        if self._begun:
            self._thread.join(LEAVES_WITHIN)

    def _hand_over(self, record: EpochRecord, saved: Saved, notices: tuple[str, ...]) -> None:
        if self._ended.is_set():
            raise StopTrial
        self._events.put(_Reported(record, saved, notices))
        self._next.acquire()
        if self._ended.is_set() and record.epoch < self._config.optimization.epochs:
            raise StopTrial

    def _run(self) -> None:
        config = self._config
        torch.set_num_threads(self._settings.threads)
        torch.manual_seed(config.seed)
        np.random.seed(config.seed)
        random.seed(config.seed)
        try:
            run = CodeReference.parse(config.trial or "").load()
            run(config.flat(), self._data, self._report)
        except StopTrial:
            self._events.put(None)
        except BaseException as error:  # noqa: BLE001  (it is raised where the epoch was asked for)
            self._events.put(error)
        else:
            self._events.put(None)


def _packing(saved: Saved, identity: dict[str, str], epoch: int) -> Callable[[], bytes]:
    def pack() -> bytes:
        own = saved() if callable(saved) else saved
        if not isinstance(own, bytes | bytearray) or not own:
            raise TypeError(f"report: the checkpoint is {type(own).__name__}, and it has to be bytes")
        return checkpoint.pack({**identity, "epoch": epoch, "own": torch.frombuffer(bytearray(own), dtype=torch.uint8)})

    return pack


def _unpacked(saved: bytes, identity: dict[str, str]) -> dict[str, Any]:
    state = checkpoint.unpack(saved)
    for key, value in identity.items():
        if state.get(key) != value:
            raise ValueError(f"checkpoint: its {key} is {state.get(key)}, this trial's is {value}")
    return state
