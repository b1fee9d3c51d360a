"""A comparison of studies as lines of a terminal, and as JSON."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fitscape.study.comparing import Comparison, Plane, Versus
from fitscape.study.maps.decision import REGIMES
from fitscape.study.report import wording
from fitscape.study.report.compared import area_in_words, best_in_words, points

MARKS: Final = dict(zip(REGIMES, "xngou", strict=True))
UNSURE: Final = "."
ROWS_SKIPPED: Final = 2  # a character is twice as high as wide


def lines(found: Comparison) -> list[str]:
    """For a person."""
    return [line for one in found.others for line in (*_versus(one), "")]


def _versus(one: Versus) -> Iterator[str]:
    yield f"{one.first} and {one.second}"
    yield f"images      {one.held_out.sentence}"
    yield from _differences(one)
    yield f"best error  {best_in_words(one)}"
    if one.areas is None:
        yield f"regimes     cannot be compared: {one.no_areas}"
        return
    wide = max(10, len(one.first), len(one.second))
    yield f"{'regimes':<24}{one.first:>{wide}}  {one.second:>{wide}}  difference (90 % interval)"
    for regime, row in one.areas.shares.iterrows():
        shares = "  ".join(f"{wording.percent(row[name]):>{wide}}" for name in ("first", "second"))
        yield f"  {regime!s:<22}{shares}  {points(row['low'])} to {points(row['high'])} points"
    if not one.areas.found:
        yield "areas       no area surely changed its regime"
    for area in one.areas.found:
        yield f"areas       {area_in_words(area)}"
    if one.plane is not None:
        yield from _maps(one, one.plane)


def _differences(one: Versus) -> Iterator[str]:
    yield "training    " + ("equal" if one.equal_training else "differs")
    yield from (f"  {row.kind:<10}{row}" for row in one.differences)


def _maps(one: Versus, plane: Plane) -> Iterator[str]:
    held = wording.setting(plane.held)
    names = f"{wording.hyperparameter(plane.y)} (up) over {wording.hyperparameter(plane.x)}"
    yield f"maps        {names}" + (f" at {held}" if held else "")
    key = ", ".join(f"{mark} {name}" for name, mark in MARKS.items())
    yield f"            {key}, {UNSURE} not sure"
    pictures = [_picture(grid) for grid in (plane.first, plane.second)]
    yield f"  {one.first[:25]:<25}   {one.second[:25]}"
    yield from (f"  {left}   {right}" for left, right in zip(*pictures, strict=True))


def _picture(grid: NDArray[np.float64]) -> list[str]:
    """Rows from the top; ``grid`` [5, n, n] probabilities."""
    best, sure = grid.argmax(axis=0), grid.max(axis=0) >= 0.5
    marks = np.where(sure, np.array(list(MARKS.values()))[best], UNSURE)
    return ["".join(row) for row in marks[::-ROWS_SKIPPED]]


def as_plain(found: Comparison) -> dict[str, Any]:
    """For programs."""
    return {
        "studies": list(found.names),
        "level": found.level,
        "differs": found.differs,
        "comparisons": [_plain(one) for one in found.others],
    }


def _plain(one: Versus) -> dict[str, Any]:
    return {
        "studies": [one.first, one.second],
        "differs": one.differs,
        "images": {
            "held_out": one.held_out.images,
            "shared": one.held_out.shared,
            "same": one.held_out.same,
            "trained_on_by_the_other": one.held_out.seen,
        },
        "equal_training": one.equal_training,
        "differences": [vars(row) for row in one.differences],
        "best_error": one.best and {**vars(one.best), "difference": one.best.difference, "differs": one.best.differs},
        "areas": None
        if one.areas is None
        else {
            "shares": one.areas.shares.to_dict("index"),
            "changed": [vars(area) for area in one.areas.found],
            "held": one.areas.held,
        },
        "no_areas": one.no_areas,
    }
