"""Errors against the share of random labels as one picture (Zhang et al. 2017)."""

from matplotlib.figure import Figure

from fitscape.study.findings.context import ended
from fitscape.study.records import TrialRecord
from fitscape.study.report.figures.spread import bars
from fitscape.study.report.figures.style import INK, error_axis, panels, title
from fitscape.study.report.subject import Subject

MOST = 6


def errors_by_label_noise(subject: Subject) -> Figure | None:
    """Training error on the labels as given, validation error on true ones; None where labels were never all random."""
    kinds: dict[tuple[float, float], dict[float, list[TrialRecord]]] = {}
    for trial in ended(subject.trials):
        config = trial.config
        key = (config.optimization.weight_decay, config.model.dropout)
        kinds.setdefault(key, {}).setdefault(config.data.label_noise, []).append(trial)
    kinds = {key: levels for key, levels in sorted(kinds.items()) if 1.0 in levels and len(levels) > 1}
    if not kinds:
        return None
    figure, axes = panels(2, width=4.2)
    for ax, (name, text) in zip(
        axes, (("train", "Training images, labels as given"), ("val", "Unseen images, true labels")), strict=True
    ):
        for k, ((decay, dropout), levels) in enumerate(list(kinds.items())[:MOST]):
            noise = sorted(levels)
            rows = [[getattr(t.last, f"{name}_error") for t in levels[n] if t.last] for n in noise]
            bars(ax, noise, rows, k, f"weight decay {decay:g}, dropout {dropout:g}")
        ax.set_xlabel("share of training labels drawn at random", fontsize=9, color=INK)
        error_axis(ax, "error")
        ax.set_ylim(-0.03, 1.03)
        title(ax, text)
    axes[0].legend(frameon=False, fontsize=8)
    return figure
