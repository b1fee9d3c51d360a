"""Training error against depth as one picture."""

import numpy as np
from matplotlib.figure import Figure

from fitscape.study.report.figures.style import INK, error_axis, panels, title
from fitscape.study.report.sections.degradation import degradation
from fitscape.study.report.subject import Subject

SERIES = (("#0072B2", "o", "-"), ("#D55E00", "s", "--"), ("#009E73", "D", ":"), ("#CC79A7", "^", "-."))


def training_error_by_depth(subject: Subject) -> Figure | None:
    """Means over paired seeds with 95 % intervals; None where no two depths can be compared."""
    series = degradation(subject)["series"]
    if not series:
        return None
    figure, (ax,) = panels(1, width=5.2, height=3.6)
    depths = sorted({d for s in series for d in s["depths"]})
    for k, one in enumerate(series):
        colour, marker, line = SERIES[k % len(SERIES)]
        x = [depths.index(d) for d in one["depths"]]
        mean = np.array(one["mean"])
        for seed in one["seeds"]:
            runs = [r.get(str(seed), np.nan) for r in one["runs"]]
            ax.plot(x, runs, color=colour, alpha=0.35, linewidth=0.8)
        low, high = (np.array(one[end], dtype=float) for end in ("low", "high"))  # NaN: one seed, no interval
        bars = np.nan_to_num(np.stack([mean - low, high - mean]))
        look = {"color": colour, "marker": marker, "linestyle": line, "label": one["family"]}
        ax.errorbar(x, mean, yerr=bars, linewidth=2, capsize=4, **look)
    ax.set_xticks(range(len(depths)), [str(d) for d in depths])
    ax.set_xlabel("depth (weight layers)", fontsize=9, color=INK)
    ax.set_ylim(bottom=-0.01)
    error_axis(ax, "training error")
    title(ax, "Training error by depth (95 % intervals over seeds)")
    ax.legend(frameon=False, fontsize=9)
    return figure
