"""Intervals of the map on planted landscapes: how often they hold the truth, and how wide they are."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from benchmarks.regime_search import landscapes, random_landscapes
from benchmarks.regime_search.landscapes import Landscape
from benchmarks.statistics.bands import bands
from benchmarks.statistics.changes import changes
from fitscape.study.config import RegimeThresholds
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import best_point
from fitscape.study.maps.decision import REGIMES, Cuts
from fitscape.study.maps.encoding import Encoder

Array = NDArray[np.float64]
COMMON = 0.5  # share of the images' sampling variance that all nets share
TAU = 0.05
PRINTED = 5e-4  # a share is printed to a tenth of a per cent at best: one of 0 lies in 0.0 to 3.1 %


@dataclass(frozen=True)
class Condition:
    trials: int
    seeds: int = 1
    seed_sd: float = 0.2  # logits, of training and of validation error
    images: int = 1200


CONDITIONS = {
    "48, sd .2": Condition(48),
    "96, sd .2": Condition(96),
    "48, sd .1": Condition(48, seed_sd=0.1),
    "48, sd .5": Condition(48, seed_sd=0.5),
    "16 x 3, sd .2": Condition(16, seeds=3),
}
NAMES = ("S1", "S2", "S3", "D500", "D501")


@dataclass(frozen=True, eq=False)
class Ground:
    """A landscape with its truth on a Sobol sample of the space."""

    landscape: Landscape
    points: pd.DataFrame
    val: Array
    train: Array
    diverged: NDArray[np.bool_]

    def truth(self, table: pd.DataFrame) -> tuple[Cuts, NDArray[np.str_]]:
        """The law whose reference is the lowest true error of the configurations tried, and regimes by it."""
        reference = float(table["true_val"][~table["diverged"]].min())
        cuts = Cuts(self.landscape.cuts.chance, reference, TAU)
        return cuts, cuts.labels(self.train, self.val, self.diverged)


@cache
def ground(name: str) -> Ground:
    made = {"S1": landscapes.double_descent, "S2": landscapes.divergence_cliff, "S3": landscapes.architectures}
    one = made[name]() if name in made else random_landscapes.random_landscape(int(name[1:]))
    encoder = Encoder(one.space)
    points = encoder.from_unit(encoder.sobol(2048, seed=31))
    train, val, diverged = one.truth(points)
    return Ground(one, points, val, train, diverged)


def trials(name: str, condition: Condition, seed: int) -> pd.DataFrame:
    """A Sobol study: errors with seed noise, and images of which all nets fail on the same ones in part."""
    one = ground(name).landscape
    rng = np.random.default_rng([seed, condition.trials, int(100 * condition.seed_sd)])
    encoder = Encoder(one.space)
    points = encoder.from_unit(encoder.sobol(condition.trials, seed=seed))
    points = points.loc[points.index.repeat(condition.seeds)].reset_index(names="configuration")
    train, val, diverged = one.truth(points)
    shift, n = rng.standard_normal(), condition.images

    def measured(error: Array, common: float) -> Array:
        true = expit(logit(error) + rng.normal(0, condition.seed_sd, len(error)))
        luck = np.sqrt(COMMON) * common + np.sqrt(1 - COMMON) * rng.standard_normal(len(error))
        return np.asarray(np.clip(np.rint(true * n + np.sqrt(true * (1 - true) * n) * luck), 0, n) / n)

    table = points.assign(train_error=measured(train, 0.0), val_error=measured(val, shift), diverged=diverged)
    return table.assign(train_n=n, val_n=n, true_train=train, true_val=val)


def fitted(name: str, table: pd.DataFrame) -> RegimeMap:
    one = ground(name).landscape
    fresh = RegimeMap(one.space, RegimeThresholds(tau=TAU), chance_error=one.cuts.chance, reference_error=None)
    return fresh.fit(table)


def run(name: str, condition: str, seed: int) -> dict[str, Any]:
    """One study: what its intervals and probabilities said, and what was true."""
    here, of = ground(name), CONDITIONS[condition]
    table = trials(name, of, seed)
    one = fitted(name, table)
    cuts, regimes = here.truth(table)
    true_shares = np.array([(regimes == r).mean() for r in REGIMES])
    shares = one.share()
    low, high = shares["low"].to_numpy(), shares["high"].to_numpy()
    test = np.arange(0, len(here.points), 8)
    points = here.points.iloc[test]
    told = one.predict(points)
    p = told[list(REGIMES)].to_numpy()
    truth = np.array([REGIMES.index(str(r)) for r in regimes[test]])
    decided = ~told["undecided"].to_numpy()
    right = p.argmax(1) == truth
    reference = one.reference_interval()
    alive = regimes[test] != "diverged"
    beliefs = one.error_interval(points)
    inside = (beliefs["low"] <= here.val[test]) & (here.val[test] <= beliefs["high"])
    point = best_point(one, {}, points=512)
    chosen = pd.DataFrame([point])
    told_of_it = one.error_interval(chosen, chosen=True).iloc[0]
    train, val, diverged = here.landscape.truth(chosen)
    error, good = float(val[0]), one.predict(chosen)["good"].iloc[0]
    return {
        **bands(one, here.landscape, cuts),
        "helps": changes(one, here.landscape, point),
        "landscape": name,
        "condition": condition,
        "seed": seed,
        "share_inside": float(((low - PRINTED <= true_shares) & (true_shares <= high + PRINTED)).mean()),
        "share_width": float((high - low).mean()),
        "reference_inside": float(reference[0] <= cuts.reference <= reference[1]),
        "field_inside": float(inside[alive].mean()),
        "recommended_inside": float(told_of_it["low"] <= error <= told_of_it["high"]),
        "recommended_width": float(told_of_it["high"] - told_of_it["low"]),
        "recommended_over_stated": error / max(float(told_of_it["median"]), 1e-3),
        "said_good": float(good),
        "truly_good": float(cuts.labels(train, val, diverged)[0] == "good"),
        "brier": float(((p - np.eye(len(REGIMES))[truth]) ** 2).sum(1).mean()),
        "wrong_decided": float((~right[decided]).sum()),
        "promised_wrong": float((1 - p.max(1))[decided].sum()),
        "decided": float(decided.sum()),
        "points": len(test),
        "bins": _bins(p.max(1), right),
    }


def _bins(confidence: Array, right: NDArray[np.bool_]) -> list[list[float]]:
    """By tenth of confidence: points, sum of confidence, points right."""
    which = np.minimum((confidence * 10).astype(int), 9)
    return [
        [float((which == b).sum()), float(confidence[which == b].sum()), float(right[which == b].sum())]
        for b in range(10)
    ]


GOOD = ("said_good", "truly_good")
RECOMMENDED = ("recommended_inside", "recommended_width", "recommended_over_stated")
BANDS = ("band_inside", "band_width")
SHARES = ("share_inside", "share_width", "reference_inside", "field_inside", *BANDS, *RECOMMENDED, *GOOD, "brier")


def summarize(done: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a condition and landscape, then one for all landscapes: means with standard errors over studies."""
    rows = []
    for condition in CONDITIONS:
        for name in (*NAMES, "all"):
            group = [one for one in done if one["condition"] == condition and name in (one["landscape"], "all")]
            if not group:
                continue
            row: dict[str, Any] = {"condition": condition, "landscape": name, "studies": len(group)}
            for key in SHARES:
                values = np.array([one[key] for one in group if key in one])  # a plane may have one regime alone
                row[key], row[f"{key}_se"] = float(values.mean()), float(values.std() / np.sqrt(len(values)))
            total = {k: sum(one[k] for one in group) for k in ("wrong_decided", "promised_wrong", "decided", "points")}
            bins = np.sum([one["bins"] for one in group], axis=0)
            row["wrong_among_decided"] = total["wrong_decided"] / max(total["decided"], 1)
            row["wrong_over_promised"] = total["wrong_decided"] / max(total["promised_wrong"], 1e-9)
            row["undecided_area"] = 1 - total["decided"] / total["points"]
            row["calibration_error"] = float(np.abs(bins[:, 1] - bins[:, 2]).sum() / bins[:, 0].sum())
            if helps := [change for one in group for change in one["helps"]]:
                said, true = (float(np.mean(of)) for of in zip(*helps, strict=True))
                row |= {"helps_claims": len(helps), "helps_said": said, "helps_true": true}
            rows.append(row)
    return rows
