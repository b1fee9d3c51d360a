"""Run what a study lacks: one fresh Tuner over the trials that the ledger has not seen the end of."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialRecord
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.cluster import Cluster, Request
from fitscape.study.scheduling.cost import relative_cost
from fitscape.study.scheduling.events import Message, Observer, ignore
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.outcome import Outcome
from fitscape.study.scheduling.places import Places
from fitscape.study.scheduling.ray_patches import untold
from fitscape.study.scheduling.scratch import scratch
from fitscape.study.search.asker import Asker, Suggestion
from fitscape.study.search.designs import DESIGNS
from fitscape.study.training import Settings

if TYPE_CHECKING:
    from fitscape.study.scheduling.ledger_writer import Bookkeeper
    from fitscape.study.scheduling.trial_queue import Feed
    from fitscape.study.scheduling.worker import Shared

# Tune writes, prints and catches nothing that we do not ask for.
_TUNE = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_RESULT_BUFFER_LENGTH": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",
}


def run_trials(
    config: StudyConfig,
    ledger: Ledger,
    data: TrialData,
    *,
    cluster: Cluster,
    request: Request,
    settings: Settings,
    checkpoints: CheckpointStore,
    interruption: Interruption,
    observer: Observer | None = None,
    run: Any = None,
    save_every: float | None = None,
) -> Outcome:
    """Run every trial that is pending in the ledger, and new ones up to ``config.search.trials``.

    The caller holds the StudyLock and has entered the cluster. When this returns, every trial has ended or is
    pending; an interruption leaves the rest to the next run.

    Args:
        config: the study.
        ledger: the truth; read at the start, written to from then on.
        data: what trials train on.
        cluster: entered.
        request: what one trial takes.
        settings: precision and layout of the whole study.
        checkpoints: on storage that every node reaches.
        interruption: ends the run early when requested.
        observer: told what happens.
        run: instead of ``study.training.run_trial``.
        save_every: seconds between two checkpoints of a trial; None: ``trainable.SAVE_EVERY``.

    Raises:
        UserError: the ledger cannot be read or written at the start. What it refuses later makes the outcome an
            interrupted one.
    """
    from fitscape.study.scheduling.worker import SAVE_EVERY, Shared

    begun = time.monotonic()
    observer = observer or ignore
    ledger.release()
    known = ledger.trials()
    try:
        checkpoints.sweep(trial.trial_id for trial in known if trial.state.terminal)
    except OSError as error:  # out of reach just now; trials wait for it in their own processes
        observer(Message(f"checkpoints of ended trials were not removed: {error}"))
    asker = Asker(config, known, chance_error=data.majority_error, classes=len(data.classes))
    places = Places(cluster, request, config.resources.max_concurrent)
    shared = Shared(
        data=data,
        settings=settings,
        checkpoints=checkpoints,
        timeout=config.resources.trial_timeout,
        save_every=SAVE_EVERY if save_every is None else save_every,
        **({} if run is None else {"run": run}),
    )
    with (
        _bookkeeper(ledger, asker, checkpoints, observer, interruption) as bookkeeper,
        _feed(config, ledger, data, asker, places) as feed,
    ):
        _tune(config, data, known, shared, places, bookkeeper, feed, interruption)
    if feed.error is not None:
        interruption.request(f"no further trial could be had: {type(feed.error).__name__}: {feed.error}")
    with _written(interruption, observer):
        ledger.set_meta("exhausted", not interruption.requested and asker.remaining > 0)
    return Outcome(counts=ledger.counts(), interrupted=interruption.reason, seconds=time.monotonic() - begun)


@contextmanager
def _bookkeeper(
    ledger: Ledger, asker: Asker, checkpoints: CheckpointStore, observer: Observer, interruption: Interruption
) -> "Iterator[Bookkeeper]":
    """What still runs at the end is pending again, once everything that was reported is written."""
    from fitscape.study.scheduling.ledger_writer import Bookkeeper

    bookkeeper = Bookkeeper(
        ledger, tell=asker.tell, checkpoints=checkpoints, observer=observer, interruption=interruption
    )
    try:
        yield bookkeeper
    finally:
        with _written(interruption, observer):
            bookkeeper.close()
        with _written(interruption, observer):
            ledger.release()


@contextmanager
def _written(interruption: Interruption, observer: Observer) -> Iterator[None]:
    """What the ledger does not take makes the run an interrupted one, which is never a success."""
    try:
        yield
    except UserError as error:
        if interruption.requested:
            observer(Message(str(error)))
        interruption.request(str(error))


@contextmanager
def _feed(config: StudyConfig, ledger: Ledger, data: TrialData, asker: Asker, places: Places) -> "Iterator[Feed]":
    from fitscape.study.scheduling.trial_queue import Feed

    def add(suggestion: Suggestion) -> TrialConfig:
        return ledger.add_trial(suggestion.config, suggestion.hyperparameters, suggestion.origin).config

    def cost(trial: TrialConfig) -> float:
        return relative_cost(trial, len(data.train_labels), data.input_shape, len(data.classes))

    static = config.search.sampler in DESIGNS
    feed = Feed(
        ledger.pending(), asker, add=add, room=places.room, ahead=places.slots * (4 if static else 1), cost=cost
    )
    try:
        yield feed
    finally:
        feed.close()


def _tune(
    config: StudyConfig,
    data: TrialData,
    known: list[TrialRecord],
    shared: "Shared",
    places: Places,
    bookkeeper: "Bookkeeper",
    feed: "Feed",
    interruption: Interruption,
) -> None:
    """Ray Tune over the feed, until it is finished or the run is interrupted."""
    os.environ.update(_TUNE, TUNE_MAX_PENDING_TRIALS_PG=str(max(1, places.room())))
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the observer is told the same in our words
    from ray import tune

    from fitscape.study.scheduling.tuning import Deadline, Reports, Stops
    from fitscape.study.scheduling.worker import TrialRunner

    def look(running: int) -> None:
        lack = places.look(running, interruption)
        if lack:
            bookkeeper.message(lack)

    attempts, timeout = config.resources.max_attempts, config.resources.trial_timeout
    reports = Reports(bookkeeper, attempts=attempts, timeout=timeout, look=look)
    trainable = tune.with_parameters(TrialRunner, shared=shared)
    with scratch() as folder, untold():
        tune.Tuner(
            tune.with_resources(trainable, {"cpu": places.request.cpus, "gpu": places.request.gpus}),
            tune_config=tune.TuneConfig(
                search_alg=feed,
                scheduler=Stops(interruption),
                num_samples=-1,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.config["id"],
            ),
            run_config=tune.RunConfig(
                name="study",
                storage_path=str(folder),
                verbose=0,
                stop=Deadline(interruption),
                callbacks=[reports],
                failure_config=tune.FailureConfig(max_failures=attempts - 1),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False, checkpoint_frequency=0),
            ),
        ).fit()
