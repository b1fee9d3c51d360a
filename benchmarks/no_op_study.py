"""Trials that do nothing, on Fitscape's driver: Ray, ledger, sampler and MLflow are real.

    python -m benchmarks.no_op_study --uri http://127.0.0.1:5000 --trials 2000 --reports 5 FOLDER

Without ``--uri`` nothing goes to MLflow. Prints one line of JSON: ``seconds`` from the first trial's start to the last
trial's end, ``shipped``, the seconds until MLflow had everything, ``unshipped`` points, ``blocked``, the seconds of
each report in which our callback held Tune's loop, ``decisions`` and ``suggest``, those in the scheduler and the search
algorithm, and ``marks``: wall and CPU seconds and resident memory of the driver
when so many trials had ended.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from no_images import ten_images

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.ledger import Ledger
from fitscape.study.records import EpochRecord, GradientProfile, ModelSize
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.events import Event, TrialEnded, TrialStarted
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Request
from fitscape.study.scheduling.run_trials import run_trials
from fitscape.study.scheduling.trial_queue import Feed
from fitscape.study.scheduling.tuning import Reports, Stops
from fitscape.study.tracking import Shipper
from fitscape.study.training import Progress, Settings

MARKS = (100, 250, 500, 1000, 2000, 4000)  # ended trials
PROVENANCE = {"data_fingerprint": "0" * 16}
LAYERS = tuple(f"layer{i}" for i in range(18))


def record(epoch: int) -> EpochRecord:
    """One with every metric."""
    errors = ("train_loss", "train_error", "val_loss", "val_error", "val_loss_a", "val_loss_b", "val_error_a")
    rates = ("val_error_b", "batch_loss", "learning_rate", "train_seconds", "eval_seconds", "images_per_second")
    more = ("peak_memory_mib", "memorized_train", "memorized_val", "gradient_ratio")
    norms = tuple(0.1 for _ in LAYERS)
    profile = GradientProfile(step=epoch, layers=LAYERS, gradient_norms=norms, weight_norms=norms)
    values: dict[str, Any] = {name: 1 / (1 + epoch) for name in (*errors, *rates, *more)}
    return EpochRecord(
        epoch=epoch, step=epoch, time=time.time(), train_n=1000, val_n=1000, gradients=(profile,), **values
    )


def no_op(
    config: TrialConfig, data: TrialData, *, settings: Settings, checkpoint: bytes | None, on_step: Callable[[], None]
) -> Iterator[Progress]:
    """In the place of ``study.training.run_trial``."""
    for epoch in range(1, config.optimization.epochs + 1):
        yield Progress(
            record=record(epoch),
            checkpoint=lambda: b"",
            diverged=False,
            late=None,
            size=ModelSize(parameters=1, flops=1),
            halved=False,
        )


class Marks:
    """Notes what the driver has used when so many trials have ended."""

    def __init__(self) -> None:
        self.found: dict[int, dict[str, float]] = {}
        self.begun = self.ended = 0.0
        self._count = 0

    def __call__(self, event: Event) -> None:
        match event:
            case TrialStarted():
                self.begun = self.begun or time.monotonic()
            case TrialEnded():
                self._ended()

    def _ended(self) -> None:
        self._count += 1
        self.ended = time.monotonic()
        if self._count in MARKS:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.found[self._count] = {
                "wall": self.ended - self.begun,
                "cpu": time.process_time(),
                "mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            }


def clocked(owner: type, name: str, seconds: list[float]) -> None:
    """Add the wall seconds of each call of a method to a list."""
    method = getattr(owner, name)

    def timed(*given: Any, **named: Any) -> Any:
        started = time.monotonic()
        try:
            return method(*given, **named)
        finally:
            seconds.append(time.monotonic() - started)

    setattr(owner, name, timed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--uri")
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--reports", type=int, default=5)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--sampler", default="sobol")
    arguments = parser.parse_args()
    config = StudyConfig.model_validate(
        {
            "name": "no-op",
            "base": {"optimization": {"epochs": arguments.reports}},
            "space": {"lr": {"low": 0.001, "high": 1, "log": True}},
            "search": {"trials": arguments.trials, "sampler": arguments.sampler},
            "tracking": {"uri": arguments.uri},
        }
    )
    results: list[float] = []
    decisions: list[float] = []
    suggestions: list[float] = []
    clocked(Reports, "on_trial_result", results)
    clocked(Stops, "on_trial_result", decisions)
    clocked(Feed, "suggest", suggestions)
    marks = Marks()
    folder = arguments.folder / config.name
    folder.mkdir(parents=True)
    with Cluster(cpus=arguments.slots) as cluster, Ledger.create(folder / "ledger.db", config, PROVENANCE) as ledger:
        shipper = Shipper(ledger.path, config.tracking)
        if arguments.uri:
            shipper.start()
        run_trials(
            config,
            ledger,
            ten_images(),
            cluster=cluster,
            request=Request(1, 0),
            settings=Settings(),
            checkpoints=CheckpointStore(str(folder / "checkpoints")),
            interruption=Interruption(),
            observer=marks,
            run=no_op,
        )
        backlog = shipper.close(120, extend=True) if arguments.uri else None
    told = {
        "seconds": marks.ended - marks.begun,
        "shipped": time.monotonic() - marks.begun,
        "unshipped": backlog.points if backlog else None,
        "backlog": backlog.error if backlog else "",
        "blocked": results,
        "decisions": decisions,
        "suggest": suggestions,
        "marks": marks.found,
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
