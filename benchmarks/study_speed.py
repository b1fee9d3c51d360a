"""Wall clock of a whole study: ``fitscape run`` against the plain script, the same trials, process start included.

    python -m benchmarks.study_speed [--rounds 2] [--trials 24]

Fashion-MNIST, three families, trials of about 1 to 15 s on one core. A round is a run of each side, one after the
other: Fitscape, the plain script, the plain script with ``reuse_actors=True``; it takes about 6 minutes on 2 cores.
Then a Fitscape study of longer trials, for the share of slot time that is training and evaluation:

    (sum over trials of the ledger's training and evaluation seconds) / (slots x (last end - first start))

Start of the processes is not in it, nor is the report; what a slot waits between two trials and at the end is.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.plain_loop import fashion_mnist
from benchmarks.record import dots, keep, spread, summary
from benchmarks.sides import SLOTS, fitscape_seconds, points, seconds_of
from fitscape.study.config import StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialState

GOALS = {"plain": 0.33, "plain, actors reused": 0.45}
SHARE_GOAL = 0.92
RANGES = {"width": (0.125, 0.25), "lr": (0.01, 0.2)}
IMAGES, VALIDATION, PROBE = 4000, 0.2, 500
EPOCHS = 3
MIXED, LONG = ("resnet18", "plain18", "densenet121"), ("resnet18", "plain18")


def study(name: str, architectures: tuple[str, ...], trials: int, steps: int, root: Path) -> StudyConfig:
    """Every trial takes ``steps`` steps per epoch."""
    return StudyConfig.model_validate(
        {
            "name": name,
            "data": {
                "dataset": "fashion_mnist",
                "root": str(root),
                "limit": IMAGES,
                "validation_fraction": VALIDATION,
                "probe_size": PROBE,
            },
            "base": {"optimization": {"epochs": EPOCHS, "steps_per_epoch": steps, "schedule": "one_cycle"}},
            "space": {
                "architecture": {"choices": architectures},
                **{
                    hyperparameter: {"low": low, "high": high, "log": True}
                    for hyperparameter, (low, high) in RANGES.items()
                },
            },
            "search": {"trials": trials},
            "resources": {"max_concurrent": SLOTS},
        }
    )


def peer_work(config: StudyConfig, root: Path) -> dict[str, Any]:
    """The same trials for the plain script."""
    optimization = config.base.optimization
    validation = round(IMAGES * VALIDATION)
    shared = {
        "data": str(root),
        "train_images": IMAGES - validation,
        "val_images": validation,
        "probe_size": PROBE,
        "seed": 0,
        **optimization.model_dump(include={"batch_size", "epochs", "steps_per_epoch", "weight_decay"}),
    }
    return {"points": points(config), "ranges": RANGES, "shared": shared, "slots": SLOTS}


@dataclass(frozen=True)
class Run:
    """One study by one side."""

    wall: float  # seconds of the process, from its start to its end
    span: float  # from the first trial's start to the last one's end
    work: float  # inside training and evaluation, all trials
    trials: int

    @property
    def share(self) -> float:
        """Of the slots' time in the span: the part in training and evaluation."""
        return self.work / (SLOTS * self.span)

    @property
    def costs(self) -> dict[str, float]:
        """Seconds that are no trial's: once a study, and of a slot for each trial."""
        return {"fixed": self.wall - self.span, "a_trial": (SLOTS * self.span - self.work) / self.trials}


class Round:
    """One run of each side in a folder of its own."""

    def __init__(self, folder: Path, data: Path) -> None:
        self._folder, self._data = folder, data
        folder.mkdir()

    def fitscape(self, config: StudyConfig) -> tuple[Run, list[float]]:
        """The run, and the seconds of each trial."""
        wall = fitscape_seconds(config, self._folder)
        with Ledger.open(self._folder / config.name / "ledger.db", read_only=True) as ledger:
            trials = ledger.trials()
        assert {trial.state for trial in trials} == {TrialState.FINISHED}, "a trial did not finish: no comparison"
        starts, ends = [t.started_at or 0.0 for t in trials], [t.ended_at or 0.0 for t in trials]
        lengths = [trial.seconds for trial in trials]
        return Run(wall, max(ends) - min(starts), sum(lengths), len(trials)), lengths

    def plain(self, config: StudyConfig, *, reuse: bool) -> Run:
        folder = self._folder / ("reused" if reuse else "plain")
        folder.mkdir()
        work = folder / "points.json"
        work.write_text(json.dumps(peer_work(config, self._data)))
        command = [sys.executable, "-m", "benchmarks.peer.plain_study", str(work), str(folder)]
        wall = seconds_of([*command, *(["--reuse"] if reuse else [])], folder / "log.txt")
        told = json.loads((folder / "told.json").read_text())
        return Run(wall, told["span"], told["work"], config.search.trials)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--steps", type=int, default=6, help="steps per epoch")
    parser.add_argument("--long", type=int, default=28, help="steps per epoch of the longer trials; 0: none")
    parser.add_argument("--dry", action="store_true", help="print only")
    arguments = parser.parse_args()
    runs: dict[str, list[Run]] = {"Fitscape": [], **{name: [] for name in GOALS}}
    lengths: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="fitscape-speed-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        data = root / "data"
        fashion_mnist(data)
        mixed = study("mixed", MIXED, arguments.trials, arguments.steps, data)
        for i in range(arguments.rounds):
            folder = Round(root / f"round-{i}", data)
            run, lengths["mixed"] = folder.fitscape(mixed)
            runs["Fitscape"].append(run)
            for name, reuse in zip(GOALS, (False, True), strict=True):
                runs[name].append(folder.plain(mixed, reuse=reuse))
            print({name: [round(run.wall, 1) for run in of_side] for name, of_side in runs.items()}, flush=True)
        if arguments.long:
            long = study("long", LONG, arguments.trials, arguments.long, data)
            run, lengths["long"] = Round(root / "long", data).fitscape(long)
            runs["Fitscape, long trials"] = [run]
    results: dict[str, Any] = {
        "arguments": vars(arguments),
        "goals": GOALS,
        "ratios": {
            name: summary([ours.wall / theirs.wall for ours, theirs in zip(runs["Fitscape"], runs[name], strict=True)])
            for name in GOALS
        },
        "share_goal": SHARE_GOAL,
        "runs": {
            name: [{**asdict(run), "share": run.share, **run.costs} for run in of_side]
            for name, of_side in runs.items()
        },
        "trial_seconds": {name: sorted(values) for name, values in lengths.items()},
    }
    print(json.dumps(results, indent=1))
    for name, goal in GOALS.items():
        print(f"wall clock over {name}: {spread(results['ratios'][name])}, goal {goal}")
    if not arguments.dry:
        keep("study_speed", results, lambda axes: plot(results["ratios"], axes))


def plot(ratios: dict[str, Any], axes: Any) -> None:
    dots(axes, [(name, ratio["values"], GOALS[name]) for name, ratio in ratios.items()])
    axes.set_xlim(0, 1.05)
    axes.axvline(1, color="grey", linewidth=1)
    axes.set_xlabel("wall clock of the study, Fitscape over the plain script (1 = equal)")


if __name__ == "__main__":
    main()
