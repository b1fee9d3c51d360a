"""Validation error against images, from weights and from scratch, by the stages that are tuned."""

from matplotlib.figure import Figure

from fitscape.study.findings import Errors, learning_stages, scratch_twins
from fitscape.study.report import wording
from fitscape.study.report.figures.spread import bars
from fitscape.study.report.figures.style import INK, error_axis, panels, title
from fitscape.study.report.subject import Subject

MOST = 3


def errors_by_images(subject: Subject) -> Figure | None:
    """A panel a network; None without one that was run from weights and from scratch."""
    found = [] if subject.no_labels else scratch_twins(subject.trials, subject.context)[:MOST]
    if not found:
        return None
    figure, axes = panels(len(found), width=5.0)
    for ax, one in zip(axes, found, strict=True):
        model = one.example.config.model
        lines: list[tuple[str, Errors]] = [("from scratch", one.scratch)]
        lines += [(f"{learning_stages(model, level)} tuned", one.frozen_to(level)) for level in one.levels]
        for k, (text, errors) in enumerate(lines):
            rows = [errors.val(m).tolist() for m in range(len(one.images))]
            bars(ax, list(one.images), rows, k, text)
        ax.set_xscale("log")
        ax.set_xticks(one.images, [f"{n:.4g}" for n in one.images])
        ax.minorticks_off()
        ax.set_xlabel(one.unit, fontsize=9, color=INK)
        error_axis(ax, "validation error")
        ax.set_ylim(bottom=0)
        title(ax, wording.net(model.name))
    axes[0].legend(frameon=False, fontsize=8)
    return figure
