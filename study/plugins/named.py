"""Where a study names a user's own code, and the names that installed packages announce for theirs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal

from fitscape.models.reference import CodeReference, is_reference
from fitscape.models.spec import is_own
from fitscape.study.paths import PATH_KINDS

Key = tuple[str | int, ...]
Role = Literal["network", "data set", "loss", "trial", "sampler"]
GROUPS = {"network": "fitscape.families", "data set": "fitscape.datasets", "sampler": "fitscape.samplers"}


@dataclass(frozen=True)
class Named:
    """One name of code in a study."""

    role: Role
    key: Key
    reference: CodeReference


def named(study: Mapping[str, Any]) -> list[Named]:
    """Every name of code in a study as plain values, which need not be valid otherwise."""
    return [Named(role, key, CodeReference.parse(text)) for role, key, text in _texts(study)]


def is_own_dataset(dataset: object) -> bool:
    """Whether ``data.dataset`` names code and not a folder or a list of images."""
    return is_reference(dataset) and str(dataset).partition(":")[0] not in PATH_KINDS


def _texts(study: Mapping[str, Any]) -> Iterator[tuple[Role, Key, str]]:
    base = _mapping(study.get("base"))
    for key, family in _families(study, _mapping(base.get("model"))):
        if is_own(family):
            yield "network", key, family
    yield from _with(("base", "optimization", "loss"), _mapping(base.get("optimization")).get("loss"), "loss")
    for i, choice in enumerate(_choices(study, "loss")):
        yield from _with(("space", "loss", "choices", i), choice, "loss")
    yield from _with(("base", "trial"), base.get("trial"), "trial")
    dataset = _mapping(study.get("data")).get("dataset")
    if is_own_dataset(dataset):
        yield "data set", ("data", "dataset"), str(dataset)
    yield from _with(("search", "sampler"), _mapping(study.get("search")).get("sampler"), "sampler")


def _with(key: Key, text: Any, role: Role) -> Iterator[tuple[Role, Key, str]]:
    if is_reference(text):
        yield role, key, text


def _families(study: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[tuple[Key, Any]]:
    """The base's family first; one that is the study's own trial is no network."""
    if model.get("family") != _mapping(study.get("base")).get("trial"):
        yield ("base", "model", "family"), model.get("family")
    for name in ("family", "architecture"):
        for i, choice in enumerate(_choices(study, name)):
            yield ("space", name, "choices", i), choice
        points = study.get("enqueue")
        for i, point in enumerate(points if isinstance(points, list | tuple) else ()):
            yield ("enqueue", i, name), _mapping(point).get(name)


def _choices(study: Mapping[str, Any], hyperparameter: str) -> list[Any]:
    choices = _mapping(_mapping(study.get("space")).get(hyperparameter)).get("choices")
    return list(choices) if isinstance(choices, list | tuple) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


@cache
def announced(role: str) -> dict[str, str]:
    """Announced name -> ``package.module:NAME``, of a role that packages can announce by an entry point."""
    found = {point.name: point.value.partition(" ")[0] for point in entry_points(group=GROUPS[role])}
    return {name: value for name, value in sorted(found.items()) if is_reference(value)}
