"""Run what a study lacks: one fresh Tuner over the trials that the ledger has not seen the end of."""

import logging
import os
import shutil
import time
from dataclasses import dataclass
from typing import Any

from study.config import StudyConfig, TrialConfig
from study.data import TrialData
from study.ledger import Ledger
from study.records import TrialState
from study.scheduling.checkpoints import CheckpointStore
from study.scheduling.cluster import Cluster, Request, scratch
from study.scheduling.cost import relative_cost
from study.scheduling.interruption import Interruption
from study.scheduling.watching import Observer, Quiet
from study.search.asker import Asker, Suggestion
from study.search.designs import DESIGNS
from study.training import Settings

RESOURCES_BACK_WITHIN = 300.0  # seconds that a run waits for a node that can run its trials

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


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended. ``interrupted`` says why it ended early; empty where everything was run."""

    counts: dict[TrialState, int]
    interrupted: str
    seconds: float


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
    stop_rule: Any = None,
    asker: Any = None,
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
        stop_rule: see ``tuning.StopRule``; None: every trial runs in full.
        asker: instead of the study's own.
        run: instead of ``study.training.run_trial``.
        save_every: seconds between two checkpoints of a trial.

    Raises:
        UserError: the ledger could not be written at the end.
    """
    os.environ.update(_TUNE)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # what it would say, the observer is told in our words
    from ray import tune

    from study.scheduling.bookkeeping import Bookkeeper
    from study.scheduling.feed import Feed
    from study.scheduling.trainable import SAVE_EVERY, Shared, TrialRunner
    from study.scheduling.tuning import Deadline, Reports, Stops

    begun = time.monotonic()
    ledger.release()
    known = ledger.trials()
    checkpoints.sweep(keep=[trial.trial_id for trial in known if not trial.state.terminal])
    asker = asker or Asker(config, known, chance_error=data.majority_error)
    places = _Places(cluster, request, config.resources.max_concurrent)
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(max(1, places.room()))
    bookkeeper = Bookkeeper(
        ledger,
        tell=asker.tell,
        checkpoints=checkpoints,
        observer=observer or Quiet(),
        interruption=interruption,
    )
    stops = Stops(interruption, stop_rule)
    resources = config.resources

    def look(running: int) -> None:
        lack = places.look(running, interruption)
        if lack:
            bookkeeper.message(lack)

    def cost(trial: TrialConfig) -> float:
        return relative_cost(trial, len(data.train_labels), data.input_shape, len(data.classes))

    def add(suggestion: Suggestion) -> TrialConfig:
        return ledger.add_trial(suggestion.config, suggestion.dials, suggestion.origin).config

    feed = Feed(
        ledger.pending(),
        asker,
        add=add,
        room=places.room,
        ahead=places.slots * (4 if config.search.sampler in DESIGNS else 1),
        cost=cost,
    )
    shared = Shared(
        data=data,
        settings=settings,
        checkpoints=checkpoints,
        timeout=resources.trial_timeout,
        **({} if run is None else {"run": run}),
        save_every=SAVE_EVERY if save_every is None else save_every,
    )
    folder = scratch()
    tuner = tune.Tuner(
        tune.with_resources(
            tune.with_parameters(TrialRunner, shared=shared), {"cpu": request.cpus, "gpu": request.gpus}
        ),
        tune_config=tune.TuneConfig(
            search_alg=feed,
            scheduler=stops,
            num_samples=-1,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.config["id"],
        ),
        run_config=tune.RunConfig(
            name="study",
            storage_path=str(folder),
            verbose=0,
            stop=Deadline(interruption),
            callbacks=[
                Reports(
                    bookkeeper,
                    attempts=resources.max_attempts,
                    timeout=resources.trial_timeout,
                    look=look,
                    reasons=stops.reasons,
                )
            ],
            failure_config=tune.FailureConfig(max_failures=resources.max_attempts - 1),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False, checkpoint_frequency=0),
        ),
    )
    try:
        tuner.fit()
    finally:
        feed.close()
        try:
            bookkeeper.close()
        finally:
            ledger.release()
            shutil.rmtree(folder, ignore_errors=True)
    if feed.error is not None:
        raise feed.error
    ledger.set_meta("exhausted", not interruption.requested and asker.remaining > 0)
    return Outcome(counts=ledger.counts(), interrupted=interruption.reason, seconds=time.monotonic() - begun)


class _Places:
    """How many trials fit, looked at anew as nodes come and go."""

    def __init__(self, cluster: Cluster, request: Request, limit: int | None) -> None:
        self._cluster, self._request, self._limit = cluster, request, limit
        self._lacking_since: float | None = None
        self._fit = cluster.slots(request)

    @property
    def slots(self) -> int:
        return max(1, self._fit if self._limit is None else min(self._fit, self._limit))

    def room(self) -> int:
        """Trials that may be handed out: those that run, and some that wait.

        A waiting trial takes the next free slot without a pause. On a cluster as many wait as run, so that an
        autoscaler sees the demand.
        """
        if self._limit is not None and self._fit >= self._limit:
            return self._limit
        ahead = max(1, self._fit // 8) if self._cluster.local else max(2, self._fit)
        return min(self.slots + ahead, self._limit or 1_000_000)

    def look(self, running: int, interruption: Interruption) -> str:
        """Count again; a sentence when trials begin to lack a node, the end of the run when they lack it for long."""
        self._fit = self._cluster.slots(self._request)
        if running or self._fit:
            self._lacking_since = None
            return ""
        if self._lacking_since is None:
            self._lacking_since = time.monotonic()
            return f"waiting for a node that has {self._request}, for {RESOURCES_BACK_WITHIN:g} s at most"
        if time.monotonic() - self._lacking_since > RESOURCES_BACK_WITHIN:
            interruption.request(f"no node that can run a trial came back: it takes {self._request}")
        return ""
