"""Tune's loop over the feed: its settings, and what it is kept from doing."""

import logging
import os
from typing import Any

from ray import tune

from fitscape.study.config import StudyConfig
from fitscape.study.scheduling.attempts import Attempts
from fitscape.study.scheduling.capacity import Places
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.ledger_writer import Bookkeeper
from fitscape.study.scheduling.outlook import Outlook
from fitscape.study.scheduling.pace import Pace
from fitscape.study.scheduling.ray_patches import turning, untold
from fitscape.study.scheduling.scratch import scratch
from fitscape.study.scheduling.trial_queue import Feed
from fitscape.study.scheduling.tuning import Deadline, Reports, Stops
from fitscape.study.scheduling.worker import Shared, TrialRunner

PENDING = 64  # trials that Tune may start at a time, at least; the feed hands out no more than there is room for

# Tune writes, prints and catches nothing that we do not ask for.
_TUNE = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_RESULT_BUFFER_LENGTH": "1",
    # It would warn of the first of its trials after a minute in which none runs, and fail where there is none yet.
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "inf",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S_AUTOSCALER": "inf",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",
}


def tune_trials(
    config: StudyConfig,
    shared: Shared,
    places: Places,
    bookkeeper: Bookkeeper,
    feed: Feed,
    attempts: Attempts,
    pace: Pace,
    outlook: Outlook,
    interruption: Interruption,
) -> None:
    """Ray Tune over the feed, until it is finished or the run is interrupted."""
    os.environ.update(_TUNE, TUNE_MAX_PENDING_TRIALS_PG=str(max(PENDING, places.room())))
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the observer gets the same in our words

    def look(running: int) -> None:
        lack = places.look(running, feed.left, interruption)
        if lack:
            bookkeeper.message(lack)
        if (expected := outlook.expected()) is not None:
            bookkeeper.show(expected)

    timeout = config.resources.trial_timeout
    reports = Reports(bookkeeper, attempts=attempts, pace=pace, timeout=timeout, look=look)
    trainable = tune.with_parameters(TrialRunner, shared=shared)
    bundle = places.request.bundle()

    def resources(attempt: dict[str, Any]) -> tune.PlacementGroupFactory:
        """Fixed when an attempt is made: a later one avoids what has been set aside since."""
        return tune.PlacementGroupFactory(
            [bundle], **({"bundle_label_selector": [s]} if (s := attempt["selector"]) else {})
        )

    with scratch() as folder, untold(), turning():
        tune.Tuner(
            tune.with_resources(trainable, resources),
            tune_config=tune.TuneConfig(
                search_alg=feed,
                scheduler=Stops(interruption),
                num_samples=-1,
                reuse_actors=config.base.trial is None,  # what a loop of the user's own leaves behind goes with it
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
