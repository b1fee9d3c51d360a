"""Learning curves by regime as one picture."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fitscape.study.records import TrialRecord
from fitscape.study.report.figures.style import INK, error_axis, panels, title
from fitscape.study.report.subject import Subject
from fitscape.study.report.vocabulary import LOOKS, Look

MOST_CURVES = 40


def learning_curves(subject: Subject) -> Figure | None:
    """A panel a regime that has trials; None where no labelled trial has ended an epoch."""
    by_regime: dict[str, list[TrialRecord]] = {}
    for trial in subject.trials:
        label = subject.labels.get(trial.trial_id)
        if label is not None and trial.epochs:
            by_regime.setdefault(label.regime, []).append(trial)
    looks = [look for name, look in LOOKS.items() if name in by_regime]
    if not looks:
        return None
    figure, panel = panels(len(looks), height=2.8)
    for ax, look in zip(panel, looks, strict=True):
        _draw(ax, look, by_regime[look.name])
    return figure


def _draw(ax: Axes, look: Look, trials: list[TrialRecord]) -> None:
    picked = np.unique(np.linspace(0, len(trials) - 1, min(MOST_CURVES, len(trials))).astype(int))
    for i in picked:
        epochs = [e.epoch for e in trials[i].epochs]
        marker = look.marker if len(epochs) == 1 else None
        for name, line in (("train_error", ":"), ("val_error", "-")):
            values = [getattr(e, name) for e in trials[i].epochs]
            ax.plot(epochs, values, line, marker=marker, color=look.colour, alpha=0.6, linewidth=1)
    title(ax, f"{look.name} ({len(trials)})")
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlabel("epoch", fontsize=9, color=INK)
    ax.set_ylim(-0.02, 1.02)
    error_axis(ax, "error (dotted: training)")
