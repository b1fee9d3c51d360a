"""The first layer's gradient against depth as one picture, by initialization, normalization and shortcut."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from fitscape.study.findings.context import ended
from fitscape.study.findings.gradients import SMALLEST, first_at_start
from fitscape.study.records import TrialRecord
from fitscape.study.report.figures.spread import bars
from fitscape.study.report.figures.style import INK, RULE, panels, title
from fitscape.study.report.subject import Subject


def gradients_by_depth(subject: Subject) -> Figure | None:
    """At initialization, decades; None unless several initializations or normalizations were run at several depths."""
    arms: dict[tuple[str, str], dict[str, dict[int, list[TrialRecord]]]] = {}
    trials = ended(subject.trials)
    if len({(t.config.model.norm, t.config.model.init) for t in trials}) < 3:
        return None
    for trial in trials:
        model = trial.config.model
        arm = arms.setdefault((model.family, model.norm), {}).setdefault(model.init, {})
        if np.isfinite(first_at_start(trial)):
            arm.setdefault(model.depth, []).append(trial)
    figure, axes = panels(len(arms), width=3.2, height=2.8)
    for ax, ((family, norm), inits) in zip(axes, sorted(arms.items()), strict=True):
        for k, (init, depths) in enumerate(sorted(inits.items())):
            if depths:
                bars(ax, sorted(depths), [_decades(depths[d]) for d in sorted(depths)], k, init)
        ax.set_xlabel("depth", fontsize=9, color=INK)
        ax.grid(axis="y", color=RULE, linewidth=0.7)
        title(ax, f"{family}, {'no' if norm == 'none' else norm} norm")
    low = min(ax.get_ylim()[0] for ax in axes)
    high = max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(low, high)
    axes[0].set_ylabel("log10 of the first layer's\ngradient norm at the start", fontsize=9, color=INK)
    if drawn := [ax for ax in axes if ax.get_legend_handles_labels()[1]]:
        drawn[0].legend(frameon=False, fontsize=8)
    return figure


def _decades(trials: Sequence[TrialRecord]) -> list[float]:
    return [float(np.log10(np.clip(first_at_start(t), SMALLEST, 1 / SMALLEST))) for t in trials]
