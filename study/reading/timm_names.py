"""Networks of timm that a study names: whether timm has them, and whether they have the searched hyperparameters.

timm, and torch with it, is imported only where a study names a network of it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from fitscape.models.spec import TIMM, TIMM_HYPERPARAMETERS
from fitscape.study.config import Choices, Hyperparameter, Range, StudyConfig
from fitscape.study.reading.document import Key
from fitscape.study.reading.explain import Problem
from fitscape.study.reading.keys import closest

NAMING = ("architecture", "family")


def timm_problems(config: StudyConfig, points: Sequence[dict[str, Any]]) -> Iterator[Problem]:
    """A problem for each network that is not at hand, and for each searched hyperparameter that the first lacks.

    Args:
        config: the study.
        points: those that are enqueued.
    """
    named = list(_named(config, points))
    if not named:
        return
    from fitscape.models import from_timm

    try:
        known = from_timm.names()
    except ValueError as error:
        yield Problem(named[0][0], str(error).removeprefix("family: ").partition("; ")[0], from_timm.INSTALL)
        return
    for key, name in named:
        if name not in known:
            near = closest(name, known)
            fix = f"did you mean {TIMM}{near}?" if near else f"timm.list_models() names its {len(known)} networks"
            yield Problem(key, f"timm has no network '{name}'", fix)
    yield from _hyperparameters_it_lacks(config)


def extras(config: StudyConfig) -> tuple[str, ...]:
    """The optional packages that trials need: ``("timm",)`` where one may be a network of timm."""
    values = [value for _, value in _named(config, config.enqueue)]
    if isinstance(config.space, str):
        from fitscape import search_spaces

        space = search_spaces.get(config.space)
        values += [
            v
            for hyperparameter in NAMING
            for v in getattr(space.get(hyperparameter), "choices", ())
            if str(v).startswith(TIMM)
        ]
    return ("timm",) if values else ()


def _named(config: StudyConfig, points: Sequence[dict[str, Any]]) -> Iterator[tuple[Key, str]]:
    values: list[tuple[Key, Any]] = [(("base", "model", "family"), config.base.model.family)]
    for hyperparameter in NAMING:
        values += [
            (("space", hyperparameter, "choices", i), value) for i, value in enumerate(_choices(config, hyperparameter))
        ]
        values += [
            (("enqueue", i, hyperparameter), point[hyperparameter])
            for i, point in enumerate(points)
            if hyperparameter in point
        ]
    for key, value in values:
        if isinstance(value, str) and value.startswith(TIMM):
            yield key, value.removeprefix(TIMM)


def _choices(config: StudyConfig, hyperparameter: str) -> tuple[Any, ...]:
    found = config.space.get(hyperparameter) if isinstance(config.space, dict) else None
    return found.choices if isinstance(found, Choices) else ()


def _hyperparameters_it_lacks(config: StudyConfig) -> Iterator[Problem]:
    """Searched hyperparameters that one of the architectures, a network of timm, lacks: such trials would fail."""
    if isinstance(config.space, str):
        return
    searched = [
        value for hyperparameter in NAMING for value in _choices(config, hyperparameter) if str(value).startswith(TIMM)
    ]
    for hyperparameter, fixed in TIMM_HYPERPARAMETERS.items():
        if searched and hyperparameter in config.space and not _only(config.space[hyperparameter], fixed):
            fix = "leave out one of the two; a network of timm takes dropout and weights only"
            yield Problem(("space", hyperparameter), f"is not a hyperparameter of {searched[0]}", fix)


def _only(hyperparameter: Hyperparameter, value: Any) -> bool:
    values = (hyperparameter.low, hyperparameter.high) if isinstance(hyperparameter, Range) else hyperparameter.choices
    return all(v == value for v in values)
