"""How far batch norm's running statistics lag behind in short trials, and what it costs to re-estimate them.

    python -m benchmarks.batch_norm_lag [--seeds 3]

First table: nets trained on digits as ``fitscape init`` and recipes of 0.1.0 trained them, measured at the end with the
running statistics, then at the same weights with statistics of 32 to 1,024 clean training images, and as evaluations do
it now. Second table: the share of a trial's CPU time that goes into the statistics, for the nets of each recipe. Both
go to results/batch_norm_lag-DATE.md. About 10 minutes on one core.
"""

import argparse
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import facts
from benchmarks.record import RESULTS
from fitscape.study import recipes
from fitscape.study.config import Choices, DataConfig, StudyConfig, TrialConfig
from fitscape.study.data import TrialData, load, select
from fitscape.study.search.space import hyperparameters, resolve
from fitscape.study.training import Settings, choose_settings, run_trial, state
from fitscape.study.training.batch_norm import reestimated
from fitscape.study.training.state import TrialRun

IMAGES = (32, 64, 128, 256, 1024)
ARCHITECTURES = {"lr": 0.05, "epochs": 5, "steps_per_epoch": 9, "batch_size": 64}
QUICKSTART = {"epochs": 12, "steps_per_epoch": 9}
SHORT: dict[str, dict[str, Any]] = {
    "init, resnet18, 2 % of the data": {"architecture": "resnet18", "train_fraction": 0.02},
    "init, resnet18, 30 %": {"architecture": "resnet18", "train_fraction": 0.3},
    "init, plain18, 30 %": {"architecture": "plain18", "train_fraction": 0.3},
    "init, densenet121, 30 %": {"architecture": "densenet121", "train_fraction": 0.3},
    "architectures, plain18": {"architecture": "plain18", **ARCHITECTURES},
    "architectures, resnet18": {"architecture": "resnet18", **ARCHITECTURES},
    "regimes, plain18, 30 %": {
        "architecture": "plain18",
        "train_fraction": 0.3,
        **ARCHITECTURES,
        "lr": 0.1,
        "epochs": 6,
    },
    "quickstart, plain20": {"architecture": "plain20", **QUICKSTART},
    "quickstart, resnet56": {"architecture": "resnet56", **QUICKSTART},
}

Errors = tuple[float, float]  # of training and validation


def lag(hyperparameters: dict[str, Any], seed: int, data: TrialData) -> tuple[int, dict[str, Errors]]:
    """Steps of the trial, and its errors at the end by the statistics they are measured with."""
    config = TrialConfig().with_hyperparameters({"width": 0.25, "seed": seed, **hyperparameters})
    trials = {name: TrialRun(with_statistics(config, name), data, Settings()) for name in ("running", "reestimated")}
    *_, last = run_trial(trials["running"].config, data, settings=Settings())
    weights = TrialRun(trials["running"].config, data, Settings())
    weights.restore(last.checkpoint())
    trial = trials["reestimated"]
    trial.model.load_state_dict(weights.model.state_dict())
    found = {"running": errors(weights)}
    indices = select(data, config.data, seed).indices
    for count in IMAGES:
        images = [weights.normalize(data.train_images[part]) for part in indices[:count].split(min(count, 128))]
        with reestimated(weights.model, images, Settings().autocast()):
            found[str(count)] = errors(weights)
    return last.record.step, found | {"now": errors(trial)}


def with_statistics(config: TrialConfig, batch_norm: str) -> TrialConfig:
    return config.with_hyperparameters({"batch_norm": batch_norm})


def errors(trial: TrialRun) -> Errors:
    train, validation = trial.evaluate()
    return train.error(), validation.error()


def nets_of(study: StudyConfig) -> Iterator[TrialConfig]:
    """A trial of each architecture of a study, on all of its data."""
    architecture = hyperparameters(resolve(study)).get("architecture")
    names = architecture.choices if isinstance(architecture, Choices) else (study.base.model.name,)
    for name in names:
        yield study.base.with_hyperparameters({"architecture": str(name)})


def share(config: TrialConfig, data: TrialData) -> float:
    """Of the trial's CPU time, what the statistics take."""
    chosen = choose_settings(config.model, data.input_shape, len(data.classes), settings=Settings())
    spent = 0.0

    @contextmanager
    def timed(*arguments: Any) -> Iterator[None]:
        nonlocal spent
        started = time.process_time()
        with reestimated(*arguments):
            spent += time.process_time() - started
            yield

    state.reestimated = timed
    started = time.process_time()
    for _ in run_trial(config, data, settings=chosen):
        pass
    state.reestimated = reestimated
    return spent / (time.process_time() - started)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def lag_table(seeds: int) -> str:
    data = load(DataConfig()).trial_data
    rows = []
    for name, values in SHORT.items():
        steps, found = 0, []
        for seed in range(seeds):
            steps, one = lag(values, seed, data)
            found.append(one)
        means = [torch.tensor([one[key] for one in found]).double().mean(0).tolist() for key in found[0]]
        rows.append([name, str(steps), *(f"{train:.3f} / {val:.3f}" for train, val in means)])
        print(*rows[-1], flush=True)
    return table(["trial", "steps", "running", *(f"{n} images" for n in IMAGES), "evaluations now"], rows)


def cost_table() -> str:
    rows = []
    for name in recipes.names():
        for dataset in ("digits", "fashion_mnist"):
            study = recipes.get(name, dataset=dataset)
            data = load(study.data).trial_data
            for config in nets_of(study):
                few = config.with_hyperparameters({"epochs": min(config.optimization.epochs, 4)})
                rows.append([name, dataset, config.model.name, f"{share(few, data):.1%}"])
                print(*rows[-1], flush=True)
    return table(["recipe", "data", "net", "share of CPU time"], rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    machine = facts()
    to = given.out or RESULTS / f"batch_norm_lag-{machine['date'][:10]}.md"
    to.write_text(
        "# Batch norm's statistics in short trials\n\n"
        f"`python -m benchmarks.batch_norm_lag --seeds {given.seeds}` on {machine['cpu']}, "
        f"torch {machine['versions']['torch']}.\n\n"
        f"Training / validation error at the end, mean over {given.seeds} seeds, digits, width 0.25, the same weights "
        "in each row. *running* is\nwhat 0.1.0 recorded, *evaluations now* what is recorded since.\n\n"
        f"{lag_table(given.seeds)}\n\nShare of a trial's CPU time that re-estimating takes, on all images of the "
        f"recipe (time of the process, not of the clock):\n\n{cost_table()}\n"
    )
    print(to)
