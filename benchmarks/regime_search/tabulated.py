"""R1, the real landscape: replays of the nets that generate_real.py trained.

``digits_nets.parquet`` holds the 1,176 trials that ``python -m benchmarks.regime_search.generate_real`` trains: 392
nodes, three seeds each. The spread over seeds is pooled over all nodes.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from benchmarks.regime_search.generate_real import TABLE
from benchmarks.regime_search.landscapes import TAU, Outcome
from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.error_models import observed_z

Array = NDArray[np.float64]
DRAWS = 400
DECIDABLE = 0.9  # probability of one label over the seeds' noise from which a node counts

NODES = ("width", "train_fraction", "lr")  # searched by index: evenly spaced in the logarithm


@dataclass(frozen=True, eq=False)
class Replay:
    """A trial that was run: errors by epoch."""

    train: Array  # [epochs]
    val: Array
    train_n: int
    val_n: int
    diverged: bool

    @property
    def outcome(self) -> Outcome:
        """What it came to at its last epoch."""
        if self.diverged:
            return Outcome(np.nan, np.nan, True, self.train_n, self.val_n)
        return Outcome(float(self.train[-1]), float(self.val[-1]), False, self.train_n, self.val_n)


class DigitsNets:
    """The tabulated landscape. A trial replays one of its node's seeds, at random."""

    name = "R1"

    def __init__(self, table: pd.DataFrame | None = None) -> None:
        self.table = pd.read_parquet(TABLE) if table is None else table
        self.values = {hyperparameter: sorted(self.table[hyperparameter].unique().tolist()) for hyperparameter in NODES}
        self.space: dict[str, BaseDistribution] = {
            "architecture": CategoricalDistribution(sorted(self.table["architecture"].unique())),
            **{hyperparameter: IntDistribution(0, len(values) - 1) for hyperparameter, values in self.values.items()},
        }

    @cached_property
    def _nodes(self) -> dict[tuple[Any, ...], list[Replay]]:
        """The runs of each node, by architecture and indices into WIDTHS, FRACTIONS and RATES."""
        keys = ["architecture", *NODES, "seed"]
        index = {hyperparameter: {v: i for i, v in enumerate(values)} for hyperparameter, values in self.values.items()}
        nodes: dict[tuple[Any, ...], list[Replay]] = {}
        for key, rows in self.table.groupby(keys):
            place = (key[0], *(index[d][v] for d, v in zip(NODES, key[1:4], strict=True)))
            last = rows.iloc[-1]
            replay = Replay(
                rows["train_error"].to_numpy(float),
                rows["val_error"].to_numpy(float),
                int(last["train_n"]),
                int(last["val_n"]),
                bool(last["diverged"]),
            )
            nodes.setdefault(place, []).append(replay)
        return nodes

    @cached_property
    def cuts(self) -> Cuts:
        """Reference: the node that is best on half A of validation, over its seeds, estimated on half B."""
        final = self.table[(self.table["epoch"] == self.table["epoch"].max()) & ~self.table["diverged"]]
        nodes = final.groupby(["architecture", *NODES])[["val_error_a", "val_error_b"]].mean()
        return Cuts(0.9, float(nodes.loc[nodes["val_error_a"].idxmin(), "val_error_b"]), TAU)

    def replay(self, point: dict[str, Any], rng: np.random.Generator) -> Replay:
        runs = self._nodes[point["architecture"], *(point[hyperparameter] for hyperparameter in NODES)]
        return runs[int(rng.integers(len(runs)))]

    def run(self, point: dict[str, Any], rng: np.random.Generator) -> Outcome:
        return self.replay(point, rng).outcome

    @cached_property
    def _test_set(self) -> tuple[pd.DataFrame, NDArray[np.str_], NDArray[np.bool_]]:
        groups = self._nodes
        kept = {place: runs for place, runs in groups.items() if not any(r.diverged for r in runs)}
        z = {place: np.stack([self._z(r) for r in runs]) for place, runs in kept.items()}  # [runs, 2]
        sd = np.sqrt(np.mean([v.var(axis=0, ddof=1) for v in z.values() if len(v) > 1], axis=0))
        rng = np.random.default_rng(0)
        labels, decidable = [], []
        for place, runs in groups.items():
            if place not in z:
                labels.append("diverged")
                decidable.append(all(r.diverged for r in runs))
                continue
            mean = z[place].mean(axis=0)
            draws = mean + rng.normal(size=(DRAWS, 2)) * sd / np.sqrt(len(runs))
            val, train = self.cuts.error(np.vstack([mean, draws])).T
            names = self.cuts.labels(train, val)
            labels.append(str(names[0]))
            decidable.append(bool((names[1:] == names[0]).mean() >= DECIDABLE))
        points = pd.DataFrame(list(groups), columns=["architecture", *NODES])
        return points, np.array(labels), np.array(decidable)

    def _z(self, replay: Replay) -> Array:
        pairs = ((replay.val[-1], replay.val_n), (replay.train[-1], replay.train_n))
        return np.array([observed_z(self.cuts, np.array([e]), np.array([n]))[0][0] for e, n in pairs])

    def test_set(self) -> tuple[pd.DataFrame, NDArray[np.str_], NDArray[np.bool_]]:
        """Every node, its regime by the mean over seeds, and whether their spread leaves it decidable."""
        return self._test_set
