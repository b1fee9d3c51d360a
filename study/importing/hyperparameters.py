"""Other people's parameters as hyperparameters: numbers or words, their observed range, log or linear."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fitscape.study.config import Choices, Hyperparameter, Range
from fitscape.study.importing.names import bare
from fitscape.study.importing.runs import Hint, Run, as_number, finite

FEW: Final = 2  # values of a number up to which it is a choice and no range
LEAST_RATIO: Final = 4.0  # of the largest to the smallest value, from which they may be spread by ratio
LEAST_SHARE: Final = 0.5  # of the runs that must have a value
UNSET: Final = "unset"  # the choice of a run that has no value of a categorical parameter

Value = bool | int | float | str | None


@dataclass(frozen=True)
class Parameter:
    """One parameter of the runs."""

    name: str
    key: str  # as the source calls it
    value: Callable[[Any], Value]  # of what a run holds under the key, None included
    searched: Hyperparameter | None  # None: all runs have one value
    default: Value


def parameters(
    runs: Sequence[Run], keys: Sequence[str], hints: Mapping[str, Hint]
) -> tuple[list[Parameter], list[str]]:
    """Each key as a parameter, and a note for each that cannot be one."""
    found: list[Parameter] = []
    notes: list[str] = []
    taken = {name for key in keys if (name := bare(key)) and sum(bare(k) == name for k in keys) > 1}
    for key in keys:
        name = key if bare(key) in taken else bare(key)
        values = [run.params.get(key) for run in runs]
        given = [value for value in values if value is not None]
        numbers = [number for value in given if (number := finite(value)) is not None]
        if len(given) < LEAST_SHARE * len(runs):
            notes.append(f"{key} is left out: {len(given)} of {len(runs)} runs have it")
        elif len(numbers) == len(given) and not any(isinstance(value, bool) for value in given):
            found.append(_numeric(name, key, numbers, hints.get(key)))
            if len(given) < len(runs):
                notes.append(f"{len(runs) - len(given)} runs lack {key}: they have labels and no place on the map")
        else:
            found.append(_categorical(name, key, values))
    return found, notes


def _numeric(name: str, key: str, values: Sequence[float], hint: Hint | None) -> Parameter:
    whole = hint.whole if hint else all(float(v).is_integer() and abs(v) < 2**53 for v in values)

    def plain(value: Any) -> Value:
        told = finite(value)
        return told if told is None else int(told) if whole else float(told)

    distinct = sorted({int(v) if whole else float(v) for v in values})
    low, high = float(min(values)), float(max(values))
    searched: Hyperparameter | None = None
    if len(distinct) > FEW:
        searched = Range(low=low, high=high, log=low > 0 and (hint.log if hint else by_ratio(values)))
    elif len(distinct) > 1:
        searched = Choices(choices=tuple(distinct))
    return Parameter(name, key, plain, searched, distinct[len(distinct) // 2])


def by_ratio(values: Sequence[float]) -> bool:
    """Whether positive numbers lie more evenly on a log axis than on a linear one.

    By the largest distance of their distribution from a uniform one (Kolmogorov and Smirnov's), repeats aside.
    """
    x = np.unique(np.asarray(values, dtype=float))
    if x[0] <= 0 or x[-1] / x[0] < LEAST_RATIO:
        return False

    def unevenness(on_axis: np.ndarray) -> float:
        place = (on_axis - on_axis[0]) / (on_axis[-1] - on_axis[0])
        return float(np.abs(place - np.linspace(0, 1, len(place))).max())

    return unevenness(np.log(x)) < unevenness(x)


def _categorical(name: str, key: str, values: Sequence[Any]) -> Parameter:
    truth = {"true": True, "false": False}
    given = {str(value).lower() for value in values if value is not None}
    boolean = given <= truth.keys() and None not in values

    def plain(value: Any) -> Value:
        if boolean:
            return truth[str(value).lower()]
        number = as_number(value)
        return UNSET if value is None else str(value) if number is None or math.isnan(number) else f"{number:g}"

    told = [plain(value) for value in values]
    choices = sorted(dict.fromkeys(told), key=str)
    searched = Choices(choices=tuple(choices)) if len(choices) > 1 else None
    return Parameter(name, key, plain, searched, max(choices, key=told.count))
