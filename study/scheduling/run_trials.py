"""Run what a study lacks: one fresh Tuner over the trials that the ledger has not seen the end of."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from fitscape.models.starting_weights import StartingWeights
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.errors import UserError
from fitscape.study.ledger import REPLAY, Ledger
from fitscape.study.plugins import installed
from fitscape.study.records import TrialRecord
from fitscape.study.scheduling.capacity import Places
from fitscape.study.scheduling.card_memory import DataShape
from fitscape.study.scheduling.cards import LOGICAL
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.estimate import learn_timed, typical
from fitscape.study.scheduling.events import Message, Observer, Outcome, ignore
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.outlook import Outlook
from fitscape.study.scheduling.pace import Pace
from fitscape.study.scheduling.packing import Request
from fitscape.study.scheduling.reports import report_every
from fitscape.study.scheduling.time_limit import TimeLimit
from fitscape.study.search.asker import Asker, Suggestion
from fitscape.study.search.cost import CostModel
from fitscape.study.search.designs import DESIGNS
from fitscape.study.search.space import resolve
from fitscape.study.training import Settings

if TYPE_CHECKING:
    from fitscape.study.scheduling.attempts import Attempts
    from fitscape.study.scheduling.ledger_writer import Bookkeeper
    from fitscape.study.scheduling.trial_queue import Feed


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
    limit: TimeLimit | None = None,
    timed: Sequence[Sequence[Any]] = (),
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
        limit: of the run's time; no trial begins that cannot end within it.
        timed: what a few steps of some trials took, as ``capacity.study_settings`` keeps it.

    Raises:
        UserError: the ledger cannot be read or written at the start. What it refuses later makes the outcome an
            interrupted one.
    """
    from fitscape.study.scheduling.card_check import CONTEXT_BYTES, no_fault
    from fitscape.study.scheduling.card_check import card_fault as own_card_fault
    from fitscape.study.scheduling.tune_loop import tune_trials
    from fitscape.study.scheduling.worker import SAVE_EVERY, Shared

    begun = time.monotonic()
    observer = observer or ignore
    ledger.release()
    known = ledger.trials(details=False)
    trouble = checkpoints.try_to_sweep(trial.trial_id for trial in known if trial.state.terminal)
    if trouble:  # trials wait for the storage in their own processes
        observer(Message(trouble))
    model = CostModel(DataShape.of(data).work)
    replay = [
        Suggestion(config.base.with_hyperparameters({**hyperparameters, "seed": seed}), hyperparameters, origin)
        for hyperparameters, seed, origin in ledger.get_meta(REPLAY, ())
    ]
    chance = data.chance_error(config.data.metric)
    asker = Asker(config, known, chance_error=chance, classes=len(data.classes), cost=model, replay=replay)
    learn_timed(model, timed)
    places = Places(cluster, request, config.resources.max_concurrent)
    pace = Pace(model, every=lambda: report_every(places.slots))
    pace.know(known)
    if limit is not None:
        limit.pace, limit.ended = pace, sum(trial.state.terminal for trial in known)

    def tell(trial: TrialRecord) -> None:
        asker.tell(trial)
        if limit is not None:
            limit.ended += 1

    logical = bool(os.environ.get(LOGICAL))
    shared = Shared(
        data=data,
        settings=settings,
        weights=weights or {},
        checkpoints=checkpoints,
        timeout=config.resources.trial_timeout,
        save_every=SAVE_EVERY if save_every is None else save_every,
        share=request.gpus or 1.0,
        context=request.context or CONTEXT_BYTES,
        logical=logical,
        code=installed(),
        card_fault=card_fault or (no_fault if logical else own_card_fault),
        **({} if run is None else {"run": run}),
    )
    with (
        _bookkeeper(ledger, tell, checkpoints, observer, interruption) as bookkeeper,
        _feed(config, ledger, model.work.trial, asker, places, cluster, interruption, limit) as feed,
        _attempts(config, bookkeeper, feed, cluster, interruption, check_card) as attempts,
    ):
        outlook = Outlook(
            pace,
            typical(config, resolve(config)),
            waiting=lambda: feed.waiting,
            undrawn=lambda: asker.remaining,
            slots=lambda: places.slots,
            limit=limit,
        )
        with _goal(config, ledger, outlook, interruption, bookkeeper):
            tune_trials(config, shared, places, bookkeeper, feed, attempts, pace, outlook, interruption)
    if feed.out_of_time:
        interruption.wind_up("no trial that is left can end in time")
    if feed.error is not None:
        interruption.request(f"no further trial could be drawn: {type(feed.error).__name__}: {feed.error}")
    with _written(interruption, observer):
        if ledger.unended and not interruption.requested:  # whatever made Tune end, it is no success
            interruption.request("the trials ended early")
        ledger.set_meta("exhausted", not interruption.requested and asker.remaining > 0)
    return Outcome(counts=ledger.counts(), interrupted=interruption.reason, seconds=time.monotonic() - begun)


@contextmanager
def _bookkeeper(
    ledger: Ledger,
    tell: Callable[[TrialRecord], None],
    checkpoints: CheckpointStore,
    observer: Observer,
    interruption: Interruption,
) -> "Iterator[Bookkeeper]":
    """What still runs at the end is pending again, once everything that was reported is written."""
    from fitscape.study.scheduling.ledger_writer import Bookkeeper

    bookkeeper = Bookkeeper(ledger, tell=tell, checkpoints=checkpoints, observer=observer, interruption=interruption)
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
    cost: Callable[[TrialConfig], float],
    asker: Asker,
    places: Places,
    cluster: Cluster,
    interruption: Interruption,
    limit: TimeLimit | None,
) -> "Iterator[Feed]":
    from fitscape.study.scheduling.trial_queue import Feed

    def add(suggestion: Suggestion) -> TrialConfig:
        return ledger.add_trial(suggestion.config, suggestion.hyperparameters, suggestion.origin).config

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
        **({} if limit is None else {"allows": limit.allows}),
    )
    try:
        yield feed
    finally:
        feed.close()
        places.close()


def _goal(
    config: StudyConfig, ledger: Ledger, outlook: Outlook, interruption: Interruption, bookkeeper: "Bookkeeper"
) -> AbstractContextManager[object]:
    """What ends the run once enough is decided, if the study asks for that."""
    if config.search.until is None:
        return nullcontext()
    from fitscape.study.scheduling.goal import Goal

    return Goal(config, ledger.path.parent, outlook, interruption, bookkeeper.decided).pursued()


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
