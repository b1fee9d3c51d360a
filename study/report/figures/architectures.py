"""What tuning buys each architecture as one picture."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from fitscape.study.findings import tuning_curves
from fitscape.study.report import wording
from fitscape.study.report.figures.spread import SERIES
from fitscape.study.report.figures.style import INK, error_axis, panels, title
from fitscape.study.report.subject import Subject


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
    ax.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("tuning budget (configurations)", fontsize=9, color=INK)
    ax.set_ylim(bottom=0)
    error_axis(ax, "validation error")
    title(ax, "Expected error of the best of a budget (95 % bands)")
    ax.legend(frameon=False, fontsize=9)
    return figure
