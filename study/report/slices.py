"""The nets of a study as slices of its map: which values of the searched hyperparameters make each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from optuna.distributions import CategoricalDistribution

from fitscape.models.spec import parse_architecture
from fitscape.study.report import wording
from fitscape.study.report.subject import Subject
from fitscape.study.search.space import holds

NET: Final = ("architecture", "family", "depth")  # hyperparameters that a net's name says
SLICING: Final = NET[:2]  # hyperparameters whose values are pictures of their own


@dataclass(frozen=True)
class Slice:
    """A part of the map that is drawn by itself; the whole of it where no architecture or family is searched."""

    key: str
    name: str
    picked: dict[str, Any]  # the hyperparameter that picks it, and its value


def slices_of(subject: Subject) -> list[Slice]:
    """One for each architecture or family that the space holds."""
    for hyperparameter in _slicing(subject):
        distribution = subject.space.get(hyperparameter)
        if isinstance(distribution, CategoricalDistribution):
            choices = [str(choice) for choice in distribution.choices]
            return [Slice(choice, wording.net(choice), {hyperparameter: choice}) for choice in choices]
    model = subject.config.base.model
    key = model.family if "depth" in subject.space and not model.read else model.name
    return [Slice(key, wording.net(key), {})]


def _slicing(subject: Subject) -> tuple[str, ...]:
    """Hyperparameters whose values are nets; of runs that were read, the one that their reader named."""
    read = subject.study.ledger.read_from
    return SLICING if read is None else tuple(filter(None, (read["net"],)))


def slice_keys(subject: Subject) -> list[str | None]:
    """Of each trial, the key of the slice that it lies in; None outside of the searched space."""
    first = slices_of(subject)[0]
    if not first.picked:
        keys = [first.key] * len(subject.trials)
    else:
        (hyperparameter,) = first.picked
        keys = [str(subject.hyperparameter(trial, hyperparameter)) for trial in subject.trials]
    return [key if inside else None for key, inside in zip(keys, subject.inside, strict=True)]


def picking(subject: Subject, net: str) -> dict[str, Any] | None:
    """The values of the searched hyperparameters that make a net of this name; None outside of the space."""
    if subject.config.base.model.read:
        picked = dict.fromkeys(_slicing(subject), net)
        return picked if all(holds(subject.space[name], value) for name, value in picked.items()) else None
    family, depth = parse_architecture(net)
    parts = {"architecture": net, "family": family, "depth": depth}
    base = subject.config.base.model
    searched = {name: value for name, value in parts.items() if name in subject.space}
    fixed = {"family": base.family, "depth": base.depth} if "architecture" not in searched else {}
    if any(parts[name] != value for name, value in fixed.items() if name not in searched):
        return None
    return searched if all(holds(subject.space[name], value) for name, value in searched.items()) else None


def net_at(subject: Subject, point: Mapping[str, Any]) -> str:
    """The name of the net at a point of the space."""
    for name in ("architecture", *(_slicing(subject) if subject.config.base.model.read else ())):
        if name in point:
            return str(point[name])
    base = subject.config.base.model
    if base.read:
        return base.name
    return base.replace(**{name: point[name] for name in NET[1:] if name in point}).name
