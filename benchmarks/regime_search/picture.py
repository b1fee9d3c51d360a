"""Accuracy of the map over trials, a panel a landscape."""

from pathlib import Path

import numpy as np

from benchmarks.regime_search.goals import Key, Table

SHOWN: tuple[Key, ...] = (("regime", 1), ("regime", 8), ("sobol", 1), ("random", 1), ("tpe", 1), ("grid", 1))
COLOURS = ("#0b5fa5", "#5aa9e6", "#d1495b", "#8d8d8d", "#edae49", "#66a182")


def draw(table: Table, path: Path) -> None:
    """Medians over seeds, and the middle half of the seeds of the regime sampler and Sobol, to ``path`` (PNG).

    A search ends when it has arrived; from there on it counts with its last accuracy.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(table), figsize=(3.4 * len(table), 3.4), sharey=True, squeeze=False)
    for axis, (terrain, by) in zip(axes[0], table.items(), strict=True):
        for key, colour in zip(SHOWN, COLOURS, strict=True):
            curves = list(by.get(key, {}).values())
            if not curves:
                continue
            marks = max((c.n for c in curves), key=len)
            accuracy = np.array([[c.at(n)["accuracy"] for n in marks] for c in curves])
            low, middle, high = np.quantile(accuracy, [0.25, 0.5, 0.75], axis=0)
            label = key[0] if key[1] == 1 else f"{key[0]}, {key[1]} pending"
            axis.plot(marks, middle, label=label, color=colour, linewidth=1.5)
            if key in SHOWN[:1] + SHOWN[2:3]:
                axis.fill_between(marks, low, high, color=colour, alpha=0.15, linewidth=0)
        axis.set(title=terrain, xscale="log", xlabel="trials", ylim=(0.55, 1.0))
        axis.set_xticks([16, 32, 64, 128, 256, 512], labels=["16", "32", "64", "128", "256", "512"])
        axis.minorticks_off()
        axis.axhline(0.95, color="0.6", linewidth=0.8, linestyle=":")
    axes[0][0].set_ylabel("accuracy of the map")
    axes[0][0].legend(fontsize=7, frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
