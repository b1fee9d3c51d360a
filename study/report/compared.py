"""A comparison of studies as one page, and its sentences."""

import base64
import io
from pathlib import Path
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from fitscape.study.comparing import Area, Comparison, Versus
from fitscape.study.errors import UserError
from fitscape.study.files import COMPARED, StudyFolder, write_whole
from fitscape.study.report import wording

DPI: Final = 110


def best_in_words(one: Versus) -> str:
    """Both best errors, their difference with its interval, and whether it is sure."""
    best = one.best
    if best is None:
        return "cannot be compared: a study has no trial that ended with finite numbers"
    on = f"on the same {best.images:,} images" if best.paired else "each on images of its own"
    sure = "a sure difference" if best.differs else "no sure difference"
    return (
        f"{one.first} {wording.percent(best.first)}, {one.second} {wording.percent(best.second)}, {on}; "
        f"the second less the first: {points(best.difference)} points "
        f"({100 * best.level:.3g} % interval {points(best.low)} to {points(best.high)}), {sure}"
    )


def area_in_words(area: Area) -> str:
    """Its share of the common space, the change, and where it lies."""
    where = ", ".join(f"{wording.hyperparameter(name)} {_values(name, ends)}" for name, ends in area.where.items())
    text = f"{wording.percent(area.share)} of the common space went from {area.before} to {area.after}"
    return text + (f": {where}" if where else "")


def _values(name: str, ends: tuple[Any, ...]) -> str:
    shown = [wording.value(name, value) for value in ends]
    between = len(ends) == 2 and all(isinstance(v, int | float) and not isinstance(v, bool) for v in ends)
    return (" to " if between else ", ").join(dict.fromkeys(shown))


def points(share: float) -> str:
    """A difference of shares in percentage points, with its sign: ``+1.2``."""
    return f"{100 * share:+.1f}"


def write(found: Comparison, to: Path | None = None) -> Path:
    """Write the page; where no file is named, into the first study's report folder, named after the others.

    Raises:
        UserError: it cannot be written.
    """
    if to is None:
        to = StudyFolder(found.folder).report / COMPARED.format("-".join(found.names[1:]))
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        write_whole(to, render(found))
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror or error}", where=str(to)) from error
    return to


def render(found: Comparison) -> str:
    """The HTML document. Nothing in it comes from elsewhere, and it needs no script."""
    from fitscape.study.report.page import environment, static

    pairs = [
        {
            "one": one,
            "best": best_in_words(one),
            "areas": [area_in_words(area) for area in one.areas.found] if one.areas else [],
            "rows": _rows(one),
            "maps": _maps(one),
            "held": wording.setting(one.plane.held) if one.plane else "",
        }
        for one in found.others
    ]
    return (
        environment()
        .get_template("compared.html.j2")
        .render(title=" and ".join(found.names), pairs=pairs, css=static("page.css"))
    )


def _rows(one: Versus) -> list[tuple[str, str, str, str]]:
    if one.areas is None:
        return []
    return [
        (
            str(regime),
            wording.percent(row["first"]),
            wording.percent(row["second"]),
            f"{points(row['low'])} to {points(row['high'])}",
        )
        for regime, row in one.areas.shares.iterrows()
    ]


def _maps(one: Versus) -> Markup | None:
    """Both maps of one plane as a picture inside the page."""
    if one.plane is None:
        return None
    from fitscape.study.report.figures.regime_map import label_axis, name_areas, paint
    from fitscape.study.report.figures.style import panels, title

    figure, axes = panels(2, width=4.2, height=3.8)
    plane = one.plane
    for ax, name, grid in zip(axes, (one.first, one.second), (plane.first, plane.second), strict=True):
        paint(ax, np.asarray(grid), 0.9)
        name_areas(ax, np.asarray(grid))
        for hyperparameter, distribution, axis in zip(
            (plane.x, plane.y), plane.axes, (ax.xaxis, ax.yaxis), strict=True
        ):
            label_axis(axis, hyperparameter, distribution)
        ax.set(xlim=(0, 1), ylim=(0, 1))
        title(ax, name)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DPI, metadata={"Software": None})
    return Markup("data:image/png;base64,") + base64.b64encode(picture.getvalue()).decode()
