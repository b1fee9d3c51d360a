"""Interactive figures of a study for a notebook, by plotly: map, learning curves, gap."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import plotly.graph_objects as go
from optuna.distributions import BaseDistribution

from fitscape.study.errors import UserError
from fitscape.study.maps.decision import REGIMES
from fitscape.study.opened import OpenStudy
from fitscape.study.report import axes, wording
from fitscape.study.report.sections.planes import grids, holds, pairs, whole
from fitscape.study.report.sections.trials import thinned
from fitscape.study.report.slices import slices_of
from fitscape.study.report.subject import Subject
from fitscape.study.report.vocabulary import LOOKS, UNLABELLED, Look

Figure: TypeAlias = go.Figure
MOST_CURVES: Final = 60  # trials of one figure
SIZE: Final = {"width": 720, "height": 520, "template": "plotly_white"}


def plot_map(study: OpenStudy, x: str | None, y: str | None, at: Mapping[str, Any], tau: float | None) -> go.Figure:
    """The likeliest regime over the plane of two hyperparameters, paler where it is less sure; the trials on it.

    Raises:
        UserError: there is no map, or a name is no numeric hyperparameter of it.
    """
    subject = Subject(study)
    fitted = subject.map
    if fitted is None:
        raise UserError(subject.no_map, where=str(study.folder))
    numeric = axes.numeric_hyperparameters(fitted)
    for name in (x, y, *at):
        known = numeric if name in (x, y) else fitted.encoder.names
        if name is not None and name not in known:
            raise UserError(
                f"'{name}' is not a hyperparameter that can be drawn here", fix=f"choose from {', '.join(known)}"
            )
    for name, value in at.items():
        if not _inside(fitted.encoder.space[name], value):
            raise UserError(f"{value!r} is outside the study's space", where=f"at[{name!r}]")
    shown = list(dict.fromkeys(name for name in (x, y) if name is not None))
    likeliest = [name for pair in pairs(subject, numeric, 1)[:1] for name in pair if name is not None]
    shown += [name for name in (*likeliest, *numeric) if name not in shown]
    if len(shown) < 2:
        raise UserError("needs two numeric hyperparameters", where=str(study.folder))
    (x, y), part = shown[:2], slices_of(subject)[0]
    point = {**next(holds(subject, fitted, part)).point, **at}
    level = fitted.thresholds.tau if tau is None else tau
    if not 0 < level < 1:
        raise UserError(f"tau is {level:g}, and it is between 0 and 1")
    p = whole(grids(fitted, x, y, point, [level])[0])
    places = np.linspace(0, 1, p.shape[2])
    figure = go.Figure()
    for regime in fitted.told:
        k = REGIMES.index(regime)
        best = np.where(p.argmax(0) == k, p[k], np.nan)
        scale = [[0, _pale(LOOKS[regime].colour, 0.1)], [1, _pale(LOOKS[regime].colour, 0.75)]]
        hover = f"{regime} with probability %{{z:.2f}}<extra></extra>"
        figure.add_heatmap(
            x=places, y=places, z=best, zmin=0.25, zmax=1, colorscale=scale, showscale=False, hovertemplate=hover
        )
    _markers(figure, subject, {name: _places(subject, name) for name in (x, y)}, x, y)
    for name, axis in ((x, figure.layout.xaxis), (y, figure.layout.yaxis)):
        told = axes.axis(name, fitted.encoder.space[name])
        axis.update(title=told["name"], tickvals=[t[0] for t in told["ticks"]], ticktext=[t[1] for t in told["ticks"]])
        axis.update(range=[-0.02, 1.02])
    held = wording.setting({name: value for name, value in point.items() if name not in (x, y)})
    title = f"Regimes at tau {level:g}" + (f"; {held}" if held else "")
    return figure.update_layout(title=title, legend_title="trials", **SIZE)


def plot_curves(study: OpenStudy, trials: Sequence[str] | None) -> go.Figure:
    """Validation error solid, training error dashed, a colour for each regime; the first ``MOST_CURVES`` trials.

    Raises:
        UserError: no trial has such an id.
    """
    by_id = {trial.trial_id: trial for trial in study.trials if trial.epochs}
    missing = [trial_id for trial_id in trials or () if trial_id not in by_id]
    if missing:
        raise UserError(f"no trial '{missing[0]}' with an epoch", where=str(study.folder))
    subject = Subject(study)
    figure, named = go.Figure(), set[str]()
    for trial_id in list(by_id if trials is None else trials)[:MOST_CURVES]:
        look = _look(subject, trial_id)
        epochs = thinned(by_id[trial_id].epochs)
        for which, dash in (("val_error", "solid"), ("train_error", "dash")):
            figure.add_scatter(
                x=[e.epoch for e in epochs], y=[getattr(e, which) for e in epochs], mode="lines+markers",
                line={"color": look.colour, "dash": dash, "width": 1.3}, marker={"size": 3}, name=look.name,
                legendgroup=look.name, showlegend=look.name not in named and dash == "solid",
                hovertemplate=f"{trial_id} {which} %{{y:.3f}} at epoch %{{x}}<extra></extra>",
            )  # fmt: skip
        named.add(look.name)
    title = "Validation error (solid) and training error (dashed)"
    return figure.update_layout(title=title, xaxis_title="epoch", yaxis_title="error", yaxis_tickformat=".2~%", **SIZE)


def plot_gap(study: OpenStudy) -> go.Figure:
    """A marker for each trial with finite errors; on the diagonal training and validation error are equal."""
    subject = Subject(study)
    errors = {
        name: [getattr(t.last, name) if t.last is not None else np.nan for t in study.trials]
        for name in ("train_error", "val_error")
    }
    figure = go.Figure()
    _markers(figure, subject, errors, "train_error", "val_error")
    most = max([v for row in errors.values() for v in row if np.isfinite(v)], default=1.0)
    figure.add_scatter(
        x=[0, most],
        y=[0, most],
        mode="lines",
        line={"color": "#7F7F7F", "dash": "dot"},
        name="no gap",
        hoverinfo="skip",
    )
    figure.update_layout(title="The gap between training and validation", **SIZE)
    for name, axis in (("training error", figure.layout.xaxis), ("validation error", figure.layout.yaxis)):
        axis.update(title=name, tickformat=".2~%")
    return figure


def _inside(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except (TypeError, ValueError):
        return False


def _markers(figure: go.Figure, subject: Subject, values: Mapping[str, Sequence[float]], x: str, y: str) -> None:
    """The trials, a trace for each regime."""
    looks = [_look(subject, trial.trial_id) for trial in subject.trials]
    for look in (*LOOKS.values(), UNLABELLED):
        rows = [i for i, own in enumerate(looks) if own is look and np.isfinite([values[x][i], values[y][i]]).all()]
        if rows:
            figure.add_scatter(
                x=[values[x][i] for i in rows], y=[values[y][i] for i in rows], mode="markers", name=look.name,
                marker={"color": look.colour, "symbol": look.symbol, "size": 9, "line": {"color": "white", "width": 1}},
                text=[f"{subject.trials[i].trial_id} {look.name}" for i in rows], hoverinfo="text",
            )  # fmt: skip


def _places(subject: Subject, name: str) -> list[float]:
    return [axes.place(subject.space[name], subject.hyperparameter(trial, name)) for trial in subject.trials]


def _look(subject: Subject, trial_id: str) -> Look:
    label = subject.labels.get(trial_id)
    return LOOKS[label.regime] if label else UNLABELLED


def _pale(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
