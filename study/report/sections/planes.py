"""The regime map, cut into planes of two hyperparameters: probabilities on grids for the page to switch between."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations, islice
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution
from statsmodels.stats.proportion import proportion_confint

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.encoding import row_of
from fitscape.study.maps.error_models import ErrorPrediction
from fitscape.study.maps.posterior import probabilities
from fitscape.study.report import axes, wording
from fitscape.study.report.foretelling import gain
from fitscape.study.report.pack import Pack
from fitscape.study.report.section import Section
from fitscape.study.report.sections.outside import outside
from fitscape.study.report.slices import Slice, slices_of
from fitscape.study.report.stages import EpochStage
from fitscape.study.report.subject import Subject

Array = NDArray[np.float64]

SIDE: Final = 31  # grid points along an axis
COARSE: Final = 16  # of expected errors, which are smooth
TAUS: Final = (0.02, 0.05, 0.10, 0.20)
MOST_PLANES: Final = 240
MOST_WORK: Final = 240 * SIDE**2 * 300.0**2  # points times the rank squared: what a Gaussian process costs
MANY: Final = 300  # trials from which the fields are asked at every second point of a grid, and are even in between
LIVE_PLANES: Final = 6  # while the study runs, when a page may cost a few seconds


class Hold(NamedTuple):
    """Where the hyperparameters stand that a plane does not show."""

    key: str
    name: str
    point: dict[str, Any]


def planes(told: list[EpochStage], pack: Pack, *, runs: bool = False) -> dict[str, Any]:
    """What the map's switches choose from; ``why`` says why there is no map.

    Each plane holds, at each tau, the probabilities of all REGIMES but the last [4, SIDE, SIDE] in 1/255; the last is
    what is left to one. ``errors`` [6, COARSE, COARSE] are the expected validation error, its 90 % interval, and the
    same of training. Rows go along y, columns along x. ``regimes`` are those that the map may name. While the study
    ``runs``, planes are a few of its best points, from coarse grids, and the map is not put to the test.
    """
    subject = told[-1].subject
    fitted = subject.map
    numeric = axes.numeric_hyperparameters(fitted) if fitted else []
    if fitted is None or not numeric:
        return {
            "why": subject.no_map or "no numeric hyperparameter is searched, so there is no plane to draw",
            "planes": [],
            "regimes": fitted.told if fitted else (),
        }
    slices = slices_of(subject)
    unordered = set(fitted.encoder.names) - set(numeric)
    taus = sorted({*TAUS, fitted.thresholds.tau})
    most = LIVE_PLANES if runs else _most_planes(fitted) // (2 * len(told))
    shown = pairs(subject, numeric, most // len(slices))
    held = {one.key: list(islice(holds(subject, fitted, one), 1 if runs else None)) for one in slices}
    found = [
        {
            "stage": k,
            "slice": one.key,
            "hold": hold.key,
            "x": x,
            "y": y,
            "held": wording.setting({k: v for k, v in hold.point.items() if k not in (x, y)}),
            "point": {k: v for k, v in hold.point.items() if k in numeric},
            "choices": {k: v for k, v in hold.point.items() if k in unordered and k not in one.picked},
            "at": [pack.add(grid) for grid in grids(stage.subject.map, x, y, hold.point, taus, coarse=runs)],
            "errors": pack.rates(expected_errors(stage.subject.map, x, y, hold.point)),
        }
        for k, stage in enumerate(told)
        if stage.subject.map is not None
        for one in slices
        for hold in held[one.key]
        for x, y in shown
    ]
    return {
        "why": "",
        "side": SIDE,
        "coarse": COARSE,
        "taus": taus,
        "tau": fitted.thresholds.tau,
        "confidence": fitted.thresholds.confidence,
        "least": fitted.cuts.least,
        "regimes": fitted.told,
        "reference": wording.reference(fitted.given),
        "slices": [{"key": one.key, "name": one.name} for one in slices],
        "holds": [{"key": h.key, "name": h.name} for h in held[slices[0].key]],
        "stages": [f"epoch {stage.epoch}" if stage.epoch else "end" for stage in told],
        "axes": {
            name: axes.axis(name, fitted.encoder.space[name]) | {"scale": fitted.length_scales()[name]}
            for name in numeric
        },
        "planes": found,
        "outside": len(subject.trials) - sum(subject.inside),
        "outside_by": found_outside["by"] if (found_outside := outside(subject)) else "",
        "start": _start(subject, slices),
        "foretold": None if runs else _foretold(subject),
        "left_out": len(list(combinations(numeric, 2))) - len(shown) if len(numeric) > 1 else 0,
    }


def _start(subject: Subject, slices: list[Slice]) -> str:
    """The slice of the recommended net, which the page shows first."""
    return next((one.key for one in slices if one.picked.items() <= subject.recommended.items()), slices[0].key)


def _foretold(subject: Subject) -> dict[str, Any] | None:
    told = subject.foretold
    if told is None:
        return None
    low, high = proportion_confint(told.inside, told.n, alpha=0.1, method="wilson")
    return {
        "n": told.n,
        "inside": told.inside,
        "share": wording.percent(told.inside / told.n),
        "interval": wording.interval(float(low), float(high)),
        "score": f"{told.log_score:+.2f}",
        "blind": f"{told.blind:+.2f}",
        "verdict": gain(told),
    }


def holds(subject: Subject, fitted: RegimeMap, part: Slice) -> Iterator[Hold]:
    """The best point of a slice, and the middle of the space (of unordered ones, the most frequent value)."""
    yield Hold("best", "where this net does best", subject.best_point(part.picked))
    middle = row_of(fitted.encoder.from_unit(np.full((1, fitted.encoder.dimensions), 0.5)), 0)
    for hyperparameter, distribution in fitted.encoder.space.items():
        if isinstance(distribution, CategoricalDistribution) and not axes.numeric(distribution):
            values = Counter(subject.hyperparameter(t, hyperparameter) for t in subject.trials)
            inside = [v for v, _ in values.most_common() if v in distribution.choices]
            middle[hyperparameter] = inside[0] if inside else middle[hyperparameter]
    yield Hold("middle", "at the middle of the space", middle | part.picked)


def grids(
    fitted: RegimeMap, x: str, y: str | None, held: dict[str, Any], taus: list[float], *, coarse: bool = False
) -> list[NDArray[np.uint8]]:
    """Probabilities of one plane at each tau; along x alone, [4, 1, SIDE], where there is no y.

    Args:
        coarse: ask the fields at every second point of an axis, as where trials are ``MANY``.
    """
    step = 2 if coarse else _step(fitted)
    points = _mesh(fitted, x, y, held, 1 + (SIDE - 1) // step)
    beliefs = fitted.posterior.predict(fitted.encoder.features(points))
    if step == 2:
        shape = (-1, 1 + (SIDE - 1) // step)
        beliefs = [
            (cuts, ErrorPrediction(*(_filled(part.reshape(shape)) for part in vars(one).values())))
            for cuts, one in beliefs
        ]
    found = []
    for tau in taus:
        p = probabilities(beliefs, tau)[:, :-1]
        found.append(np.rint(255 * p).astype(np.uint8).T.reshape(p.shape[1], -1, SIDE))
    return found


def whole(grid: NDArray[np.uint8]) -> NDArray[np.float64]:
    """[5, ...] probabilities in the order of REGIMES, of a grid that leaves out the last."""
    p = grid / 255
    return np.concatenate([p, 1 - p.sum(0, keepdims=True)])


def expected_errors(fitted: RegimeMap, x: str, y: str | None, held: dict[str, Any]) -> NDArray[np.float64]:
    """[6, COARSE, COARSE]: median, low and high of the expected validation error, then of the training error."""
    points = _mesh(fitted, x, y, held, COARSE)
    both = [fitted.error_interval(points, of=of)[["median", "low", "high"]].to_numpy().T for of in ("val", "train")]
    return np.concatenate(both).reshape(6, -1, COARSE)


def _mesh(fitted: RegimeMap, x: str, y: str | None, held: dict[str, Any], side: int) -> pd.DataFrame:
    """The points of a plane, along x first."""
    columns = {name: fitted.encoder.grid(name, side) for name in (x, y) if name is not None}
    mesh = np.meshgrid(*columns.values())
    frame = pd.DataFrame({**dict(zip(columns, (m.ravel() for m in mesh), strict=True))})
    return frame.assign(**{k: pd.Series([v] * len(frame), dtype=object) for k, v in held.items() if k not in columns})


def _step(fitted: RegimeMap) -> int:
    """Of the points at which the fields are asked, along an axis of the grid."""
    return 2 if len(fitted.evidence) > MANY else 1


def _most_planes(fitted: RegimeMap) -> int:
    """As many as the page and the time allow."""
    points = (-(-SIDE // _step(fitted))) ** 2
    return min(MOST_PLANES, int(MOST_WORK / (points * max(fitted.fields.val.rank, 1) ** 2)))


def _filled(values: Array) -> Array:
    """Values [h, w] at every second point of a grid, as those of all its points in one row: means of neighbours."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        whole = np.empty((2 * len(values) - 1, values.shape[1]))
        whole[::2], whole[1::2] = values, (values[1:] + values[:-1]) / 2
        values = np.moveaxis(whole, 0, axis)
    return values.ravel()


def pairs(subject: Subject, numeric: list[str], most: int) -> list[tuple[str, str | None]]:
    """At most so many pairs of axes, but one, the most important hyperparameters first."""
    if len(numeric) == 1:
        return [(numeric[0], None)]
    order = [name for name in subject.importance.index if name in numeric]
    ranked = sorted(combinations(order, 2), key=lambda pair: order.index(pair[0]) + order.index(pair[1]))
    return list(ranked[: max(most, 1)])


SECTION = Section("map", "Regime map", "Map", lambda m: planes(m.stages, m.pack, runs=m.runs), scripted=True)
