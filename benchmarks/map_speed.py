"""Wall clock to a 95 % map, everything together: regime sampler and engine against a plain script.

    python -m benchmarks.map_speed [--seeds 5] [--rounds 5] [--plain "plain, actors reused"]

The landscape is R1 of ``benchmarks.regime_search``: real nets trained at every node of a grid, whose learning curves
are replayed. Fitscape's side searches with the regime sampler; the plain side runs Sobol's points. Both have two
trials in flight, and the same map is fitted to what they find.

A trial is priced with what it takes here and now: the seconds of an epoch of each net, measured in turn on both sides
(at the full training set; the smaller subsets cost both a little less), and what a trial costs besides, from the
newest results of ``benchmarks.study_speed``. The CPU seconds of the sampler are added in full, as if they took a
slot's time. A search that does not arrive counts with all it spent: a lower bound, and it is said.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import optuna
import torch
from optuna.samplers import BaseSampler
from torch.utils.data import TensorDataset

from benchmarks.peer.plain_study import epochs
from benchmarks.record import keep, newest, spread, summary
from benchmarks.regime_search.generate_real import ARCHITECTURES, DATA, WIDTHS
from benchmarks.regime_search.samplers import make
from benchmarks.regime_search.simulate import Curve, checkpoints, simulate
from benchmarks.regime_search.tabulated import DigitsNets
from fitscape.models.build import build
from fitscape.study.config import Optimization, TrialConfig
from fitscape.study.data import TrialData, load
from fitscape.study.training import Settings, choose_settings, run_trial

GOAL = 1 / 8
ENOUGH, LAST = 0.95, 320  # accuracy of the map; trials at most
FIRST_SEED, SLOTS = 100, 2
Prices = dict[tuple[str, float], float]  # (architecture, width) -> seconds per epoch


def trial_config(architecture: str, width: float, epochs: int) -> TrialConfig:
    """As the nets of R1 were trained."""
    optimization = Optimization(lr=0.02, batch_size=32, epochs=epochs, steps_per_epoch=16, weight_decay=5e-4)
    return TrialConfig(optimization=optimization).with_hyperparameters({"architecture": architecture, "width": width})


def plain_epochs(config: TrialConfig, data: TrialData) -> Iterator[Any]:
    """Images are floats already, which the plain script would have to make of files."""
    known, unseen = (
        TensorDataset(images.float() / 255, labels)
        for images, labels in ((data.train_images, data.train_labels), (data.val_images, data.val_labels))
    )
    probe = TensorDataset(*known[: data.probe_size])
    model = build(config.model, data.input_shape, len(data.classes))
    yield from epochs(config.flat(), model, known, probe, unseen)


def prices(rounds: int) -> tuple[Prices, Prices]:
    """Seconds an epoch, median of ``rounds`` in turn after one that does not count: Fitscape's and the plain loop's."""
    data = load(DATA).trial_data
    costliest = trial_config("resnet20", max(WIDTHS), 1).model
    settings = choose_settings(costliest, data.input_shape, len(data.classes), settings=Settings(), batch_size=32)
    ours: Prices = {}
    plain: Prices = {}
    for net in ((architecture, width) for architecture in ARCHITECTURES for width in WIDTHS):
        config = trial_config(*net, rounds + 1)
        sides = (run_trial(config, data, settings=settings), plain_epochs(config, data))
        taken: list[list[float]] = [[], []]
        for _ in range(rounds + 1):
            for side, seconds in zip(sides, taken, strict=True):
                started = time.perf_counter()
                next(side)
                seconds.append(time.perf_counter() - started)
        ours[net], plain[net] = (statistics.median(seconds[1:]) for seconds in taken)
        print(
            f"{net[0]} width {net[1]}: {1000 * ours[net]:.0f} against {1000 * plain[net]:.0f} ms per epoch", flush=True
        )
    return ours, plain


class Priced:
    """Trials of one search, each at its price in milliseconds of a slot, as ``simulate`` counts epochs."""

    def __init__(self, terrain: DigitsNets, price: Prices, a_trial: float) -> None:
        self._terrain, self._price, self._a_trial = terrain, price, a_trial
        self.thinking = 0.0  # CPU seconds of the sampler, not yet on a bill
        self.trials = self.epochs = 0

    def __call__(self, point: dict[str, Any], rng: np.random.Generator) -> tuple[dict[str, Any], int]:
        replay = self._terrain.replay(point, rng)
        spent = len(replay.train)
        net = point["architecture"], WIDTHS[point["width"]]
        seconds = self._a_trial + spent * self._price[net] + self.thinking
        self.thinking = 0.0
        self.trials, self.epochs = self.trials + 1, self.epochs + spent
        return asdict(replay.outcome), round(1000 * seconds)

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            started = time.process_time()
            try:
                return function(*given)
            finally:
                self.thinking += time.process_time() - started

        return run

    def watch(self, sampler: BaseSampler) -> BaseSampler:
        """The same sampler, its suggestions on the bill."""
        sampler.sample_relative = self.timed(sampler.sample_relative)  # type: ignore[method-assign]
        return sampler


def search(terrain: DigitsNets, sampler: str, seed: int, price: Prices, cost: dict[str, float]) -> dict[str, float]:
    """Seconds of wall clock to the map, and what was run for it."""
    runs = Priced(terrain, price, cost["a_trial"])
    watched = runs.watch(make(sampler, terrain, seed, SLOTS))
    marks = checkpoints(LAST)
    curve: Curve = simulate(
        terrain, sampler, watched, pending=SLOTS, seed=seed, marks=marks, enough=ENOUGH, at_least=0, run=runs
    )
    slot_ms = curve.reached(ENOUGH, epochs=True)
    arrived = slot_ms < np.inf
    slot_seconds = (slot_ms if arrived else curve.epochs[-1]) / 1000
    return {
        "seed": seed,
        "arrived": arrived,
        "seconds": cost["fixed"] + slot_seconds / SLOTS,
        "trials": curve.reached(ENOUGH) if arrived else curve.n[-1],
        "epochs_a_trial": runs.epochs / runs.trials,
    }


def costs(name: str) -> dict[str, float]:
    """Of the newest study_speed: seconds once a study and for each trial, medians over its rounds."""
    runs = newest("study_speed")["runs"][name]
    return {key: statistics.median(run[key] for run in runs) for key in ("fixed", "a_trial")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5, help="epochs that each price is the median of")
    parser.add_argument("--plain", default="plain", help="the side of study_speed: plain, or with its actors reused")
    parser.add_argument("--dry", action="store_true", help="print only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ours, plain = prices(arguments.rounds)
    our_cost, plain_cost = costs("Fitscape"), costs(arguments.plain)
    terrain = DigitsNets()
    found: dict[str, list[dict[str, float]]] = {"Fitscape": [], "plain": []}
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds):
        found["Fitscape"].append(search(terrain, "regime", seed, ours, our_cost))
        found["plain"].append(search(terrain, "sobol", seed, plain, plain_cost))
        print({name: runs[-1] for name, runs in found.items()}, flush=True)
    ratios = [a["seconds"] / b["seconds"] for a, b in zip(found["Fitscape"], found["plain"], strict=True)]
    results: dict[str, Any] = {
        "arguments": vars(arguments),
        "goal": GOAL,
        "ratio": summary(ratios),
        "searches": found,
        "costs": {"Fitscape": our_cost, "plain": plain_cost},
        "seconds_an_epoch": {f"{a} {w}": [ours[a, w], plain[a, w]] for a, w in ours},
    }
    missing = {name: sum(not run["arrived"] for run in runs) for name, runs in found.items()}
    print(
        f"wall clock to a 95 % map over the plain script: {spread(results['ratio'])}, goal {GOAL}; missing: {missing}"
    )
    if not arguments.dry:
        keep("map_speed", results, lambda axes: plot(found, axes))


def plot(found: dict[str, list[dict[str, float]]], axes: Any) -> None:
    """Trials and seconds to the map, a dot a seed."""
    for name, runs in found.items():
        axes.scatter([run["trials"] for run in runs], [run["seconds"] for run in runs], label=name, alpha=0.7)
    axes.set_yscale("log")
    axes.set_xlabel("trials to a 95 % map")
    axes.set_ylabel("wall clock to it [s]")
    axes.legend()


if __name__ == "__main__":
    main()
