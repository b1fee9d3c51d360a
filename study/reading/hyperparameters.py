"""Whether a study's hyperparameters can be trained: every bound and choice of the space, every enqueued point."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from pydantic import ValidationError

from fitscape.models.spec import (
    CHOICES,
    DEPTHS,
    GROWING,
    READ,
    WHOLE_NUMBERS,
    ModelSpec,
    architectures,
    parse_architecture,
)
from fitscape.study.config import (
    HYPERPARAMETERS,
    Choices,
    DataCondition,
    Evaluation,
    Optimization,
    Range,
    StudyConfig,
    TrialConfig,
)
from fitscape.study.reading.document import Document, Key
from fitscape.study.reading.explain import Problem, explain, raised, shown
from fitscape.study.reading.keys import unknown_key

# The values of these depend on each other: one is right if some combination with the others is.
COUPLED: dict[str, tuple[Any, ...]] = {
    "architecture": tuple(architectures()),
    "family": CHOICES["family"],
    "depth": tuple({depth for depths in DEPTHS.values() for depth in depths}),
    "shortcut": CHOICES["shortcut"],
}
WORDS = {
    "architecture",
    "weights",
    *CHOICES,
    *(
        name
        for section in (DataCondition, Optimization, Evaluation)
        for name, field in section.model_fields.items()
        if isinstance(field.default, str)
    ),
}
WHOLE = {
    "seed",
    *WHOLE_NUMBERS,
    *(name for name, f in Optimization.model_fields.items() if f.annotation in (int, int | None)),
}
LONGEST_ENUMERATION = 1000


def networks_that_were_read(document: Document) -> Iterator[Problem]:
    """The network of a study that was made of somebody else's runs: it is a name, which nothing here can train."""
    model = base.get("model") if isinstance(base := document.value.get("base"), dict) else None
    family = model.get("family") if isinstance(model, dict) else None
    if isinstance(family, str) and family.startswith(READ):
        what = f"'{family}' is the network of runs that were read, which nothing here can train"
        yield Problem(("base", "model", "family"), what, "run it where it was run, and read it again")


def unknown_hyperparameters(document: Document) -> Iterator[Problem]:
    """Hyperparameters of the space and of the enqueued points that no trial has."""
    space, enqueue = document.value.get("space"), document.value.get("enqueue")
    keys = [("space", name) for name in space] if isinstance(space, dict) else []
    for i, point in enumerate(enqueue if isinstance(enqueue, list) else ()):
        keys += [("enqueue", i, name) for name in point] if isinstance(point, dict) else []  # type: ignore[misc]
    own = own_keywords(document.value)
    for key in keys:
        if key[-1] not in HYPERPARAMETERS and key[-1] not in own:
            yield Problem(key, *unknown_key(key))


def own_keywords(study: Mapping[str, Any]) -> tuple[str, ...]:
    """Keywords of the user's own code in the base of a study, as plain values."""
    section: Any = study
    for part in ("base", "model", "keywords"):
        section = section.get(part) if isinstance(section, Mapping) else None
    return tuple(section) if isinstance(section, Mapping) else ()


def space_problems(config: StudyConfig) -> Iterator[Problem]:
    """Bounds and choices that no trial can have, the first of each hyperparameter."""
    if isinstance(config.space, str):
        return
    yield from _contradictions(list(config.space), ("space",))
    values = {name: list(_values(hyperparameter, name, config.base)) for name, hyperparameter in config.space.items()}
    for name, hyperparameter in config.space.items():
        problem = next(_shape(name, hyperparameter, config.base), None)
        companions = _companions(name, values, config.base.model.keywords) if problem is None else []
        for key, value in values[name]:
            problem = problem or _refusal(config.base, {name: value}, companions, key)
        if problem is not None:
            yield problem


def _companions(name: str, values: dict[str, list[tuple[Key, Any]]], own: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The combinations of the other coupled hyperparameters that a value of this hyperparameter may meet.

    ``own``, keywords of the user's own network, are coupled to nothing.
    """
    if name not in COUPLED or name in own:
        return [{}]
    others = {
        other: found
        for other, known in COUPLED.items()
        if other != name and other not in own and (found := {v: v for _, v in values.get(other, ()) if v in known})
    }
    return [dict(zip(others, combination, strict=True)) for combination in product(*others.values())]


def enqueue_problems(points: Any, base: TrialConfig) -> Iterator[Problem]:
    """Enqueued points that are no trials."""
    if not isinstance(points, list | tuple):
        yield Problem(("enqueue",), f"{shown(points)} is not a list", "write [{lr: 0.1}, {lr: 0.2}]")
        return
    for i, point in enumerate(points):
        if not isinstance(point, dict):
            yield Problem(("enqueue", i), f"{shown(point)} is not a point", "write {lr: 0.1}")
            continue
        found = next(_contradictions(list(point), ("enqueue", i)), None)
        for name, value in point.items():
            found = found or _mistyped(name, value, ("enqueue", i, name), base)
        found = found or trial_problem(base, point, ("enqueue", i))
        if found is not None:
            yield found


def growth_rate_problems(config: StudyConfig) -> Iterator[Problem]:
    """Growth rates of networks that have none: such trials would differ in their ids and in nothing else."""
    space, default = config.space if isinstance(config.space, dict) else {}, ModelSpec.growth_rate
    if "growth_rate" in config.base.model.keywords:  # that is another one
        return
    if config.base.model.growth_rate == default and "growth_rate" not in {
        *space,
        *(n for p in config.enqueue for n in p),
    }:
        return
    families = _families(config)
    lacking = next((name for name in families if name not in GROWING), None)
    searched = space.get("growth_rate")
    if (
        lacking
        and searched is not None
        and any(value != default for _, value in _values(searched, "growth_rate", config.base))
    ):
        fix = f"search it in a study of {', '.join(GROWING)} alone"
        yield Problem(("space", "growth_rate"), f"is not a hyperparameter of {lacking}", fix)
    growing = {*families, *(_family(config.base, point) for point in config.enqueue)} & {*GROWING}
    if config.base.model.growth_rate != default and not growing:
        what = f"is not a hyperparameter of {config.base.model.family}"
        yield Problem(("base", "model", "growth_rate"), what, f"{', '.join(GROWING)} has one")
    for i, point in enumerate(config.enqueue):
        family = _family(config.base, point)
        if point.get("growth_rate", default) != default and family not in GROWING:
            yield Problem(("enqueue", i, "growth_rate"), f"is not a hyperparameter of {family}", "leave it out")


def _families(config: StudyConfig) -> list[str]:
    """The families that are searched, or else the base's."""
    space: Mapping[str, Any]
    if isinstance(config.space, dict):
        space = config.space
    else:
        from fitscape import search_spaces

        space = search_spaces.get(config.space)
    named = [getattr(space.get(name), "choices", ()) for name in ("architecture", "family")]
    points = [{name: value} for name, values in zip(("architecture", "family"), named, strict=True) for value in values]
    return [_family(config.base, point) for point in points] or [config.base.model.family]


def _family(base: TrialConfig, point: dict[str, Any]) -> str:
    if "architecture" in point:
        return parse_architecture(point["architecture"])[0]
    return str(point.get("family", base.model.family))


def trial_problem(base: TrialConfig, hyperparameters: dict[str, Any], key: Key) -> Problem | None:
    """Why ``base`` with these hyperparameters is no trial; the problem's key ends in the hyperparameter to blame."""
    try:
        base.with_hyperparameters(hyperparameters)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        name = str(detail["loc"][0])
        return explain(detail, (*key, name), hyperparameters.get(name, detail["input"]))
    except ValueError as error:
        problem = raised((), str(error), hyperparameters)
        # Only a hyperparameter that was set can be blamed; what it clashes with may be the base's.
        return (
            replace(problem, key=(*key, *problem.key))
            if {*problem.key} <= {*hyperparameters}
            else Problem(key, str(error))
        )
    return None


def _contradictions(names: list[str], key: Key) -> Iterator[Problem]:
    if "architecture" in names and (other := {"family", "depth"} & set(names)):
        yield Problem((*key, "architecture"), "sets family and depth", f"leave out {' and '.join(sorted(other))}")


def _shape(name: str, hyperparameter: Range | Choices, base: TrialConfig) -> Iterator[Problem]:
    """What is wrong with a hyperparameter before any trial is built."""
    key: Key = ("space", name)
    if isinstance(hyperparameter, Range):
        if _kind(name, base) is bool:
            yield Problem(key, "takes true and false, not a range", "write {choices: [true, false]}")
        if _kind(name, base) is str:
            yield Problem(key, "takes words, not a range", "write {choices: [...]}")
        for bound in ("low", "high", "step"):
            value = getattr(hyperparameter, bound)
            if _kind(name, base) is int and value is not None and not float(value).is_integer():
                yield Problem((*key, bound), f"{value:g} is not a whole number")
        return
    for i, value in enumerate(hyperparameter.choices):
        problem = _mistyped(name, value, (*key, "choices", i), base)
        if problem is not None:
            yield problem
        if value in hyperparameter.choices[:i]:
            yield Problem((*key, "choices", i), f"{shown(value)} is there twice")


def _kind(name: str, base: TrialConfig) -> type:
    """The type of a hyperparameter's values: bool and str, int for whole numbers, else float."""
    if name in base.model.keywords:
        return type(base.model.keywords[name])
    return str if name in WORDS else int if name in WHOLE else float


def _mistyped(name: str, value: Any, key: Key, base: TrialConfig) -> Problem | None:
    kind = _kind(name, base)
    if kind is bool:
        if not isinstance(value, bool):
            return Problem(key, f"{shown(value)} is not true or false")
    elif kind is str:
        if not isinstance(value, str) and not (name == "shortcut" and value is None):
            return Problem(key, f"{shown(value)} is not a word")
    elif kind is int:
        if (not isinstance(value, int) or isinstance(value, bool)) and not (
            name in ("steps_per_epoch", "image_size") and value is None
        ):
            return Problem(key, f"{shown(value)} is not a whole number")
    elif not isinstance(value, int | float) or isinstance(value, bool):
        return Problem(key, f"{shown(value)} is not a number")
    return None


def _values(hyperparameter: Range | Choices, name: str, base: TrialConfig) -> Iterator[tuple[Key, Any]]:
    """The values that decide whether a hyperparameter is right, with their keys: bounds, choices, depths of a range."""
    key: Key = ("space", name)
    if isinstance(hyperparameter, Choices):
        yield from (((*key, "choices", i), value) for i, value in enumerate(hyperparameter.choices))
        return
    number = int if _kind(name, base) is int else float
    yield (*key, "low"), number(hyperparameter.low)
    if name == "depth" and name not in base.model.keywords:
        steps = range(int(hyperparameter.low), int(hyperparameter.high) + 1, max(1, int(hyperparameter.step or 1)))
        yield from ((key, value) for value in steps[1:LONGEST_ENUMERATION])
    yield (*key, "high"), number(hyperparameter.high)


def _refusal(
    base: TrialConfig, hyperparameter: dict[str, Any], companions: list[dict[str, Any]], key: Key
) -> Problem | None:
    """Why no companion values make a trial of this hyperparameter's value; None where some do."""
    first: Problem | None = None
    for others in companions:
        problem = trial_problem(base, {**others, **hyperparameter}, ())
        if problem is None:
            return None
        first = first or problem
    return first and Problem(key, first.what, first.fix)
