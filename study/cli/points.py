"""Points to run next, as other programs take them."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fitscape.study.errors import UserError
from fitscape.study.opened import OpenStudy
from fitscape.study.search.space import Point

COUNT: Final = 5


def text(study: OpenStudy, form: str, count: int = COUNT) -> str:
    """The points that would decide most, in one of ``FORMS``, under the names that the runs' program uses.

    Raises:
        UserError: no such form, or nothing is searched.
    """
    require_form(form)
    return FORMS[form](study.telling(count))


def require_form(form: str) -> None:
    """Raises UserError: no such form."""
    if form not in FORMS:
        raise UserError(f"'{form}' is not one of {', '.join(FORMS)}", where="--points")


def _json(points: Sequence[Point]) -> str:
    return json.dumps(points, indent=1)


def _optuna(points: Sequence[Point]) -> str:
    return "\n".join(f"study.enqueue_trial({point!r})" for point in points)


def _tune(points: Sequence[Point]) -> str:
    """For ``OptunaSearch``, ``HyperOptSearch`` and others that begin with given points."""
    return "points_to_evaluate = [\n" + "".join(f"    {point!r},\n" for point in points) + "]"


FORMS: Final[Mapping[str, Callable[[Sequence[Point]], Any]]] = {"json": _json, "optuna": _optuna, "tune": _tune}
