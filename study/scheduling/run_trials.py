"""Run what a study lacks: one fresh Tuner over the trials that the ledger has not seen the end of."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fitscape.models.starting_weights import StartingWeights
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialRecord
from fitscape.study.scheduling.capacity import Places, relative_cost
from fitscape.study.scheduling.cards import LOGICAL
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.events import Message, Observer, Outcome, ignore
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Request
from fitscape.study.scheduling.ray_patches import untold
from fitscape.study.scheduling.scratch import scratch
from fitscape.study.search.asker import Asker, Suggestion
from fitscape.study.search.designs import DESIGNS
from fitscape.study.training import Settings

if TYPE_CHECKING:
    from fitscape.study.scheduling.attempts import Attempts
    from fitscape.study.scheduling.ledger_writer import Bookkeeper
    from fitscape.study.scheduling.trial_queue import Feed
    from fitscape.study.scheduling.worker import Shared

PENDING = 64  # trials that Tune may start at a time, at least; the feed hands out no more than there is room for

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
    weights: Mapping[str, StartingWeights] | None = None,
    observer: Observer | None = None,
    run: Any = None,
    save_every: float | None = None,
    card_fault: Callable[[], str] | None = None,
    check_card: Callable[[str], str] | None = None,
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
        observer: called with each event.
        run: instead of ``study.training.run_trial``.
        save_every: seconds between two checkpoints of a trial; None: ``worker.SAVE_EVERY``.
        card_fault: what is wrong with the card of a worker, instead of ``card_check.card_fault``.
        check_card: what is wrong with a card by its UUID, instead of ``cards.check_one``.

    Raises:
        UserError: the ledger cannot be read or written at the start. What it refuses later makes the outcome an
            interrupted one.
    """
    from fitscape.study.scheduling.card_check import card_fault as own_card_fault
    from fitscape.study.scheduling.card_check import no_fault
    from fitscape.study.scheduling.worker import SAVE_EVERY, Shared

    begun = time.monotonic()
    observer = observer or ignore
    ledger.release()
    known = ledger.trials()
    trouble = checkpoints.try_to_sweep(trial.trial_id for trial in known if trial.state.terminal)
    if trouble:  # trials wait for the storage in their own processes
        observer(Message(trouble))
    asker = Asker(config, known, chance_error=data.majority_error, classes=len(data.classes))
    places = Places(cluster, request, config.resources.max_concurrent)
    logical = bool(os.environ.get(LOGICAL))
    shared = Shared(
        data=data,
        settings=settings,
        weights=weights or {},
        checkpoints=checkpoints,
        timeout=config.resources.trial_timeout,
        save_every=SAVE_EVERY if save_every is None else save_every,
        share=request.gpus or 1.0,
        logical=logical,
        card_fault=card_fault or (no_fault if logical else own_card_fault),
        **({} if run is None else {"run": run}),
    )
    with (
        _bookkeeper(ledger, asker, checkpoints, observer, interruption) as bookkeeper,
        _feed(config, ledger, data, asker, places, cluster, interruption) as feed,
        _attempts(config, bookkeeper, feed, cluster, interruption, check_card) as attempts,
    ):
        _tune(config, data, known, shared, places, bookkeeper, feed, attempts, interruption)
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
def _feed(
    config: StudyConfig,
    ledger: Ledger,
    data: TrialData,
    asker: Asker,
    places: Places,
    cluster: Cluster,
    interruption: Interruption,
) -> "Iterator[Feed]":
    from fitscape.study.scheduling.trial_queue import Feed

    def add(suggestion: Suggestion) -> TrialConfig:
        return ledger.add_trial(suggestion.config, suggestion.hyperparameters, suggestion.origin).config

    def cost(trial: TrialConfig) -> float:
        return relative_cost(trial, len(data.train_labels), data.input_shape, len(data.classes))

    static = config.search.sampler in DESIGNS
    feed = Feed(
        ledger.pending(),
        asker,
        add=add,
        room=places.room,
        ahead=places.slots * 4 if static else places.slots,
        drawn=None if static else lambda: places.slots + places.reserve,
        attempt=lambda: {"slots": places.slots, **cluster.aside.attempt()},
        stopped=lambda: interruption.requested,
        cost=cost,
    )
    try:
        yield feed
    finally:
        feed.close()
        places.close()


@contextmanager
def _attempts(
    config: StudyConfig,
    bookkeeper: "Bookkeeper",
    feed: "Feed",
    cluster: Cluster,
    interruption: Interruption,
    check: Callable[[str], str] | None,
) -> "Iterator[Attempts]":
    from fitscape.study.scheduling.attempts import Attempts

    most = config.resources.max_attempts
    attempts = Attempts(bookkeeper, feed, cluster, attempts=most, interruption=interruption, check=check)
    try:
        yield attempts
    finally:
        attempts.close()


def _tune(
    config: StudyConfig,
    data: TrialData,
    known: list[TrialRecord],
    shared: "Shared",
    places: Places,
    bookkeeper: "Bookkeeper",
    feed: "Feed",
    attempts: "Attempts",
    interruption: Interruption,
) -> None:
    """Ray Tune over the feed, until it is finished or the run is interrupted."""
    os.environ.update(_TUNE, TUNE_MAX_PENDING_TRIALS_PG=str(max(PENDING, places.room())))
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the observer gets the same in our words
    from ray import tune

    from fitscape.study.scheduling.tuning import Deadline, Reports, Stops
    from fitscape.study.scheduling.worker import TrialRunner

    def look(running: int) -> None:
        lack = places.look(running, feed.left, interruption)
        if lack:
            bookkeeper.message(lack)

    timeout = config.resources.trial_timeout
    reports = Reports(bookkeeper, attempts=attempts, timeout=timeout, look=look)
    trainable = tune.with_parameters(TrialRunner, shared=shared)
    bundle = places.request.bundle()

    def resources(attempt: dict[str, Any]) -> tune.PlacementGroupFactory:
        """Fixed when an attempt is made: a later one avoids what has been set aside since."""
        return tune.PlacementGroupFactory(
            [bundle], **({"bundle_label_selector": [s]} if (s := attempt["selector"]) else {})
        )

    with scratch() as folder, untold():
        tune.Tuner(
            tune.with_resources(trainable, resources),
            tune_config=tune.TuneConfig(
                search_alg=feed,
                scheduler=Stops(interruption),
                num_samples=-1,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: f"{trial.config['id']}-{trial.trial_id}",
            ),
            run_config=tune.RunConfig(
                name="study",
                storage_path=str(folder),
                verbose=0,
                stop=Deadline(interruption),
                callbacks=[reports],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False, checkpoint_frequency=0),
            ),
        ).fit()
