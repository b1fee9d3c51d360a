"""Validation loss and error against epochs as one picture, true and noisy labels apart."""

from matplotlib.figure import Figure

from fitscape.study.records import TrialRecord
from fitscape.study.report.figures.spread import SERIES, band
from fitscape.study.report.figures.style import INK, RULE, error_axis, panels, title
from fitscape.study.report.subject import Subject


def late_epochs(subject: Subject) -> Figure | None:
    """Means over trials with 95 % bands; None where the question was not asked (findings/early_overfit.py)."""
    if not any(f.question == "early_overfit" for f in subject.findings):
        return None
    kinds: dict[str, list[TrialRecord]] = {}
    noisy = any(trial.config.data.label_noise > 0 for trial in subject.trials)
    for trial in subject.trials:
        if trial.late is not None:
            noise = trial.config.data.label_noise
            labels = f", {100 * noise:.0f} % of labels redrawn" if noisy else ""
            kinds.setdefault(f"{trial.config.model.family}{labels}", []).append(trial)
    figure, axes = panels(2, width=4.2)
    for ax, name in zip(axes, ("val_loss", "val_error"), strict=True):
        for k, (kind, trials) in enumerate(sorted(kinds.items())[: len(SERIES)]):
            length = min(len(t.epochs) for t in trials)
            rows = [[getattr(t.epochs[e], name) for t in trials] for e in range(length)]
            band(ax, [trials[0].epochs[e].epoch for e in range(length)], rows, k, kind)
        ax.set_xlabel("epoch", fontsize=9, color=INK)
    axes[0].set_yscale("log")  # the first epochs lie far above all others
    axes[1].set_ylim(bottom=0)
    axes[0].set_ylabel("validation loss", fontsize=9, color=INK)
    axes[0].grid(axis="y", color=RULE, linewidth=0.7)
    error_axis(axes[1], "validation error")
    title(axes[0], "Loss")
    title(axes[1], "Error (95 % bands over trials)")
    axes[0].legend(frameon=False, fontsize=8)
    return figure
