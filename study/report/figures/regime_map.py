"""The regime map as one picture: a panel an architecture, over the two hyperparameters that matter most."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from scipy.ndimage import distance_transform_edt

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.decision import REGIMES
from fitscape.study.records import Regime
from fitscape.study.report import axes
from fitscape.study.report.figures.style import INK, SOFT, panels, title
from fitscape.study.report.sections.planes import grids, holds, pairs, whole
from fitscape.study.report.slices import slice_keys, slices_of
from fitscape.study.report.subject import Subject
from fitscape.study.report.vocabulary import LOOKS, UNLABELLED

MOST_PANELS = 6
LEAST_ROOM = 0.07  # of an axis: the height of a name


def regime_map(subject: Subject) -> Figure | None:
    """None without a map or without two numeric hyperparameters."""
    fitted = subject.map
    if fitted is None:
        return None
    numeric = axes.numeric_hyperparameters(fitted)
    if len(numeric) < 2:
        return None
    parts = slices_of(subject)[:MOST_PANELS]
    ((x, y),) = pairs(subject, numeric, 1)
    assert y is not None
    figure, panel = panels(len(parts))
    for ax, part in zip(panel, parts, strict=True):
        hold = next(holds(subject, fitted, part))
        p = whole(grids(fitted, x, y, hold.point, [fitted.thresholds.tau])[0])
        paint(ax, p, fitted.thresholds.confidence)
        name_areas(ax, p)
        _trials(ax, subject, part.key, x, y)
        _axes(ax, fitted, x, y)
        title(ax, part.name)
    figure.suptitle(
        f"{subject.config.name}: regimes at tau {fitted.thresholds.tau:g} (hatched: undecided)",
        fontsize=11, color=INK, parse_math=False,
    )  # fmt: skip
    figure.legend(handles=_legend(fitted), loc="outside lower center", ncols=7, fontsize=8, frameon=False)
    return figure


def paint(ax: Axes, p: NDArray[np.float64], confidence: float) -> None:
    """[5, ny, nx] probabilities in the order of REGIMES."""
    best, certainty = p.argmax(0), p.max(0)
    colours = np.array([to_rgb(LOOKS[name].colour) for name in REGIMES])[best]
    alpha = (0.15 + 0.5 * np.clip((certainty - 0.25) / 0.75, 0, 1))[..., None]
    ax.imshow(
        alpha * colours + (1 - alpha), origin="lower", extent=(0, 1, 0, 1), aspect="auto", interpolation="bilinear"
    )
    at = np.linspace(0, 1, p.shape[2]), np.linspace(0, 1, p.shape[1])
    hatched = ax.contourf(*at, certainty, levels=[0, confidence], colors="none", hatches=["////"])
    hatched.set_edgecolor("#80808090")
    for k, regime in enumerate(REGIMES):
        if p[k].min() < 0.5 < p[k].max():
            ax.contour(*at, p[k], levels=[0.5], colors=INK, linewidths=1.8 if regime == "good" else 0.9)


def name_areas(ax: Axes, p: NDArray[np.float64]) -> None:
    """The regime's name where its area has most room, along it or across, if it has enough."""
    best = p.argmax(0)
    for k, regime in enumerate(REGIMES):
        depth = distance_transform_edt(np.pad(best == k, 1))[1:-1, 1:-1]
        row, column = (int(i) for i in np.unravel_index(depth.argmax(), depth.shape))
        low, high = _run(best[:, column] == k, row)  # of a strip that is equally deep all along, the middle
        row, up = (low + high) // 2, (high - low) / p.shape[1]
        low, high = _run(best[row] == k, column)
        column, across = (low + high) // 2, (high - low) / p.shape[2]
        if min(across, up) < LEAST_ROOM or max(across, up) < 3 * LEAST_ROOM:
            continue
        ax.text(
            column / (p.shape[2] - 1), row / max(p.shape[1] - 1, 1),
            regime,
            rotation=90 if across < 3 * LEAST_ROOM else 0, ha="center", va="center", fontsize=8, fontweight="bold",
            color=INK, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )  # fmt: skip


def _run(inside: NDArray[np.bool_], at: int) -> tuple[int, int]:
    """The run of True around a position: from, and up to but not with."""
    outside = np.flatnonzero(~inside)
    low, high = outside[outside < at], outside[outside > at]
    return (int(low[-1]) + 1 if len(low) else 0), (int(high[0]) if len(high) else len(inside))


def _trials(ax: Axes, subject: Subject, part: str, x: str, y: str) -> None:
    by_look: dict[str, list[tuple[float, float]]] = {}
    for trial, key in zip(subject.trials, slice_keys(subject), strict=True):
        if key == part:
            label = subject.labels.get(trial.trial_id)
            place = [axes.place(subject.space[d], subject.hyperparameter(trial, d)) for d in (x, y)]
            by_look.setdefault(label.regime if label else UNLABELLED.name, []).append((place[0], place[1]))
    for regime, points in by_look.items():
        look = LOOKS.get(regime, UNLABELLED)
        hollow = look.symbol.endswith("-open")
        across, up = np.array(points).T
        colours: dict[str, Any] = {
            "facecolors": "none" if hollow else look.colour,
            "edgecolors": look.colour if hollow else "white",
        }
        ax.scatter(across, up, s=26, marker=look.marker, linewidths=0.8, zorder=3, clip_on=False, **colours)


def _axes(ax: Axes, fitted: RegimeMap, x: str, y: str) -> None:
    for name, axis in ((x, ax.xaxis), (y, ax.yaxis)):
        label_axis(axis, name, fitted.encoder.space[name])
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def label_axis(axis: Axis, name: str, distribution: BaseDistribution) -> None:
    """Ticks of a hyperparameter whose range is drawn from 0 to 1."""
    told = axes.axis(name, distribution)
    axis.set_ticks([place for place, _ in told["ticks"]], [text for _, text in told["ticks"]])
    axis.set_label_text(told["name"], fontsize=9, color=INK)


def _legend(fitted: RegimeMap) -> list[Any]:
    looks = [LOOKS[name] for name in LOOKS if name in (*fitted.told, Regime.UNDECIDED)]
    marks = [
        Line2D([], [], linestyle="", marker=look.marker, color=look.colour, label=look.name,
               markerfacecolor="none" if look.symbol.endswith("-open") else look.colour)
        for look in looks
    ]  # fmt: skip
    return [*marks, Patch(facecolor="white", edgecolor=SOFT, hatch="////", label="no regime sure")]
