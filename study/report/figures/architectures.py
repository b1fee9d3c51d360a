"""What tuning buys each architecture as one picture."""

from typing import Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from fitscape.study.findings import tuning_curves
from fitscape.study.report import wording
from fitscape.study.report.figures.spread import SERIES
from fitscape.study.report.figures.style import INK, error_axis, panels, title
from fitscape.study.report.subject import Subject

EVERY: Final = 10  # budgets up to which each has its number
ROUND: Final = [step * 10**power for power in range(6) for step in (1, 2, 5)]


def error_by_budget(subject: Subject) -> Figure | None:
    """Expected validation error of the best of k configurations; None unless two architectures were sampled alike."""
    curves = {} if subject.no_labels else tuning_curves(subject.trials, subject.context)
    if len(curves) < 2:
        return None
    figure, (ax,) = panels(1, width=5.2, height=3.6)
    for k, (name, curve) in enumerate(curves.items()):
        colour, _, line = SERIES[k % len(SERIES)]
        low, high = (np.minimum.accumulate(end) for end in (curve.low, curve.high))  # more runs can only lower the best
        ax.fill_between(curve.budgets, low, high, color=colour, alpha=0.2, linewidth=0)
        ax.plot(curve.budgets, curve.expected, color=colour, linestyle=line, label=wording.net(name))
    ax.set_xscale("log")
    most = max(int(curve.budgets[-1]) for curve in curves.values())
    ticks = range(1, most + 1) if most <= EVERY else [k for k in ROUND if k <= most]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("tuning budget (configurations)", fontsize=9, color=INK)
    ax.set_ylim(bottom=0)
    error_axis(ax, "validation error")
    title(ax, "Expected error of the best of a budget (95 % bands)")
    ax.legend(frameon=False, fontsize=9)
    return figure
