"""Errors against width as one picture (Nakkiran et al. 2019, figure 1)."""

from matplotlib.figure import Figure

from fitscape.study.findings import width_curves
from fitscape.study.report import wording
from fitscape.study.report.figures.spread import bars
from fitscape.study.report.figures.style import INK, error_axis, panels, title
from fitscape.study.report.subject import Subject

MOST = 3


def errors_by_width(subject: Subject) -> Figure | None:
    """A panel a kind of net; None without one at five widths and three shared seeds."""
    curves = [] if subject.no_labels else width_curves(subject.trials, subject.context)
    if not curves:
        return None
    curves = sorted(curves, key=lambda c: c.example.config.data.label_noise)[:MOST]
    figure, axes = panels(len(curves))
    for ax, curve in zip(axes, curves, strict=True):
        config = curve.example.config
        bars(ax, list(curve.widths), list(curve.val.T), 0, "validation")
        bars(ax, list(curve.widths), list(curve.train.T), 1, "training, on the labels as given")
        ax.set_xscale("log", base=2)
        ax.set_xticks(curve.widths, [f"{w:.2g}" for w in curve.widths])
        ax.minorticks_off()
        ax.set_xlabel("width (factor on all channels)", fontsize=9, color=INK)
        error_axis(ax, "error")
        ax.set_ylim(bottom=-0.01)
        title(ax, f"{wording.net(config.model.name)}, {100 * config.data.label_noise:.0f} % of labels redrawn")
    axes[0].legend(frameon=False, fontsize=8)
    return figure
