"""The process that runs trials, one after another: Tune steps it from epoch to epoch."""

import faulthandler
import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray import tune

from fitscape.models.starting_weights import StartingWeights
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.plugins import Code, install
from fitscape.study.records import EpochRecord, TrialState
from fitscape.study.scheduling.card_check import CONTEXT_BYTES, card_fault, keep_to
from fitscape.study.scheduling.card_faults import CardFault
from fitscape.study.scheduling.cards import own
from fitscape.study.scheduling.checkpoints import CheckpointStore, StorageLost, split_records, with_records
from fitscape.study.scheduling.crash_log import CrashLog
from fitscape.study.scheduling.heartbeat import Pulse
from fitscape.study.scheduling.reports import CRASHES, End, Start, WorkerReport, failure, first_line, report_every
from fitscape.study.training import SAFE_FORMAT, AttemptOutOfMemory, Progress, Settings, run_trial
from fitscape.study.training.memory import is_out_of_memory

SAVE_EVERY = 10.0  # seconds of training between two checkpoints
SAVE_SHARE = 0.05  # of a trial's time that may go into writing checkpoints
HALVED = "its batches do not fit on the device, so each is processed in two halves"
EAGER = "its steps cannot be captured, so the card runs them one operation after the other"
TRAFFIC = 200e6  # bytes of checkpoints a second, of all trials together: what a modest object store takes
SIGN_OF_LIFE = 1.0  # seconds between two restarts of the watchdog, which cost about 50 µs each

TrialFunction = Callable[..., Iterator[Progress]]


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What every trial of a study has in common; put once into Ray's object store, read there without a copy."""

    data: TrialData
    settings: Settings  # precision and layout; the device is each process's own
    checkpoints: CheckpointStore
    weights: Mapping[str, StartingWeights] = field(default_factory=dict)  # by their names in configs
    timeout: float | None = None  # seconds without a step until a trial counts as hung
    save_every: float = SAVE_EVERY
    run: TrialFunction = run_trial
    share: float = 1.0  # of a card
    context: int = CONTEXT_BYTES  # of its process, within the share
    logical: bool = False  # GPUs are numbers, as tests declare them, and trials train on the CPU
    card_fault: Callable[[], str] = card_fault  # what is wrong with this process's card
    code: Code | None = None  # of the user's


class TrialRunner(tune.Trainable):
    """A warm worker. ``config["trial"]`` is a TrialConfig as JSON.

    A step runs epochs until their report is due. A checkpoint is written before the report that names it, and holds
    the records of all epochs, so that a process that dies in between takes none of them with it. What was neither
    saved nor reported is trained again.

    An exception in a trial becomes a report of its failure: the process lives on for the next trial, and Tune
    has nothing to retry. What Tune does retry is the death of this process.
    """

    def setup(self, config: dict[str, Any], shared: Shared) -> None:
        os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # a card's number is then the same to CUDA and to its driver
        self._shared = shared
        install(shared.code)
        self._card, self._card_tried, self._card_failed = "", False, False
        self._fault: CardFault | AttemptOutOfMemory | None = None  # of this attempt, which it ends
        self._pulse = Pulse()
        self._crash_log = CrashLog()
        self._freezes = 2  # before the first trial, and after it: training loads another part of torch
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        if fault := self._fault:
            raise fault
        begun = time.monotonic()
        every = report_every(self._slots) if self._progress else 0.0  # the first epoch says at once how long they take
        report = self._part()
        while report.waits and time.monotonic() - begun < every:
            try:
                report = report.followed_by(self._part())
            except (CardFault, AttemptOutOfMemory):  # the next step raises it: what was measured is reported first
                break
        faulthandler.cancel_dump_traceback_later()
        self._pulse.rest()
        if report.last:
            self._drop()
        return {"report": report, "done": report.last}

    def _part(self) -> WorkerReport:
        """Of the start, or of one epoch."""
        self._watch()
        try:
            return self._start() if self._epochs is None else self._epoch(self._epochs)
        except (CardFault, AttemptOutOfMemory) as error:  # the attempt is lost, the trial is not
            self._card_failed = isinstance(error, CardFault)
            self._fault = error
            raise
        except StorageLost as error:
            return WorkerReport(cannot_go_on=str(error))
        except Exception as error:
            if self._card and (fault := self._shared.card_fault()):
                self._card_failed = True
                self._fault = CardFault(self._card, "begun", f"{fault}: {failure(error).message}"[:300])
                raise self._fault from error
            return WorkerReport(end=failure(error))

    def cleanup(self) -> None:
        """The trial is taken away before its end, or there is nothing left to run."""
        if self._card_failed:  # nothing can be had from it, and to ask it would keep this process, and the card with it
            self._crash_log.remove()
            os._exit(1)
        if self._progress is not None and self._fault is None:  # after a fault the net is in the middle of an epoch
            self._save(self._progress)
        self._drop()
        self._crash_log.remove()

    def _begin(self, config: dict[str, Any]) -> None:
        self._drop()
        if self._freezes:  # what lives between two trials stays: each search of it for garbage would take 0.2 s
            self._freezes -= 1
            gc.freeze()
        self._config = TrialConfig.model_validate_json(config["trial"])
        self._avoid, self._slots = config.get("avoid", ()), config.get("slots", 1)
        self._card = own(self._shared.logical).uuid if ray.get_gpu_ids() else ""
        self._crashes: list[str] = config.get(CRASHES, [])
        self._saved_at = time.monotonic()

    def _drop(self) -> None:
        """Free the memory of the trial before the next one takes its own."""
        self._epochs: Iterator[Progress] | None = None
        self._progress: Progress | None = None
        self._fault = None
        self._records: list[EpochRecord] = []  # of all epochs so far
        self._halved = False  # which has been reported
        self._save_seconds, self._saved_bytes = 0.0, 0
        gc.collect()
        if self._device() == "cuda":
            import torch

            torch.cuda.empty_cache()

    def _start(self) -> WorkerReport:
        self._require_card()
        if len(self._crashes) > 1:
            what = f"its process crashed twice ({', '.join(self._crashes)}), then in memory layout {SAFE_FORMAT}"
            return WorkerReport(end=End(state=TrialState.FAILED, message=what))
        shared, trial_id = self._shared, self._config.trial_id
        settings = replace(shared.settings, device=self._device())
        if self._crashes:  # a checkpoint of another layout would not give the numbers of a trial in this one
            settings = replace(settings, memory_format=SAFE_FORMAT)
            shared.checkpoints.clear(trial_id, waiting=lambda error: self._watch())

        def run(checkpoint: bytes | None) -> Iterator[Progress]:
            start = shared.weights.get(self._config.model.weights)
            named = {} if start is None else {"weights": start}
            return shared.run(
                self._config, shared.data, settings=settings, checkpoint=checkpoint, on_step=self._sign_of_life, **named
            )

        def go_on(epoch: int, data: bytes) -> tuple[tuple[EpochRecord, ...], Iterator[Progress]]:
            records, state = split_records(data)
            try:
                return records, run(state)
            except Exception as error:
                if isinstance(error, ValueError | MemoryError) or is_out_of_memory(error):
                    raise
                # another version of the code wrote it, and the user has allowed that
                raise ValueError(f"it does not fit: {type(error).__name__}: {first_line(error)}") from error

        found, refused = shared.checkpoints.newest(trial_id, go_on, waiting=lambda error: self._watch())
        records, self._epochs = found or ((), run(None))
        self._records = list(records)
        node_id = ray.get_runtime_context().get_node_id()
        start = Start(
            node=f"{socket.gethostname()}:{node_id[:8]}",
            device=device_name(settings.device),
            records=records,
            node_id=node_id,
            pulse=self._pulse.address,
            card=self._card,
            crash_log=str(self._crash_log.path),
            afresh=bool(self._crashes),
        )
        layout = {"memory_format": SAFE_FORMAT} if self._crashes else {}
        return WorkerReport(start=start, notices=tuple(refused), extra=layout)

    def _epoch(self, epochs: Iterator[Progress]) -> WorkerReport:
        progress = self._progress = next(epochs, None)
        if progress is None:  # continued from a checkpoint of the last epoch
            return WorkerReport(end=End(state=TrialState.FINISHED))
        if not isinstance(progress.record, EpochRecord):
            raise TypeError(f"the trial reported {type(progress.record).__name__} instead of an epoch record")
        self._records.append(progress.record)
        end: End | None = None
        notices: tuple[str, ...] = ()
        saved: int | None = None
        if progress.diverged:
            message = f"loss or weights not finite in epoch {progress.record.epoch}"
            end = End(state=TrialState.DIVERGED, message=message, predictions=progress.predictions)
        elif progress.record.epoch >= self._config.optimization.epochs:
            end = End(state=TrialState.FINISHED, late=progress.late, predictions=progress.predictions)
        elif progress.resumable and self._save_is_due():
            notices = self._save(progress)
            saved = None if notices else progress.record.epoch
        halved = progress.halved and not self._halved
        self._halved = progress.halved
        return WorkerReport(
            records=(progress.record,),
            size=progress.size,
            saved=saved,
            end=end,
            extra={"halved_batches": True} if halved else {},
            notices=(
                *notices,
                *(f"trial {self._config.trial_id}: {notice}" for notice in progress.notices),
                *([f"trial {self._config.trial_id}: {HALVED}"] if halved else []),
            ),
            once=(f"{self._config.model.name}: {EAGER} ({progress.why_eager})",) if progress.why_eager else (),
        )

    def _save_is_due(self) -> bool:
        since = time.monotonic() - self._saved_at
        share = self._saved_bytes * self._slots / TRAFFIC  # seconds in which every trial of the study may save once
        return since >= max(self._shared.save_every, self._save_seconds / SAVE_SHARE, share)

    def _save(self, progress: Progress) -> tuple[str, ...]:
        """A checkpoint that cannot be written costs time at the next resume, not the trial."""
        if not progress.resumable:
            return ()
        started = time.monotonic()
        trial_id = self._config.trial_id
        try:
            data = with_records(self._records, progress.checkpoint())
            self._watch(self._shared.checkpoints.grace)  # a storage that is slow to answer is no trial that hangs
            self._saved_bytes = len(data)
            self._shared.checkpoints.save(trial_id, progress.record.epoch, data)
            return ()
        except Exception as error:  # noqa: BLE001  (disk full, store away, a net that cannot be serialized)
            return (f"trial {trial_id}: checkpoint not written ({error})",)
        finally:
            self._saved_at = time.monotonic()
            self._save_seconds = self._saved_at - started

    def _device(self) -> str:
        """This process's own. A card that Ray gave it is used, or the trial is not run: never in silence on the CPU."""
        return "cuda" if self._card and not self._shared.logical else "cpu"

    def _require_card(self) -> None:
        """Refuse a trial on a card that is broken: the preflight may have been before its node joined."""
        if not self._card:
            return
        if self._card in self._avoid:
            raise CardFault(self._card, "refused", "it was set aside")
        if not self._card_tried and (fault := self._shared.card_fault()):
            raise CardFault(self._card, "refused", fault)
        if not self._card_tried and not self._shared.logical:
            keep_to(self._shared.share, self._shared.context)
        self._card_tried = True

    def _watch(self, ahead: float = 0.0) -> None:
        """Kill this process if the trial shows no sign of life in time; its stack goes to the worker's log.

        ``ahead``: seconds that the next step may take beyond that. faulthandler's clock runs in C, so that a call that
        never gives the interpreter back is caught too. It stands still while this process is stopped: that the
        driver sees by the pulse.
        """
        self._alive_at = time.monotonic()
        self._pulse.beat(ahead)
        if self._shared.timeout is not None and sys.__stderr__ is not None:
            timeout = min(self._shared.timeout + ahead, threading.TIMEOUT_MAX)  # a larger one is refused, and is never
            faulthandler.dump_traceback_later(timeout, exit=True, file=sys.__stderr__)

    def _sign_of_life(self) -> None:
        if time.monotonic() - self._alive_at >= SIGN_OF_LIFE:
            self._watch()


def device_name(device: str) -> str:
    """``cpu``, or the name of the graphics card."""
    if device == "cpu":
        return device
    import torch

    return f"{device} ({torch.cuda.get_device_name()})"
