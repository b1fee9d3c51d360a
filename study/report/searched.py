"""What was searched: the values that each hyperparameter could take, and which of a point lie at the end of theirs."""

from collections.abc import Mapping
from typing import Any, Final

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from fitscape.study.report import axes, wording
from fitscape.study.report.subject import Subject

LIMITS: Final = {"train_fraction": 1.0}  # nothing lies beyond; nothing lies below 0 either
AT_END: Final = 0.02  # of the range
HARDLY: Final = 0.02  # share of the error's variance, at most
NAMED: Final = 12  # choices of one hyperparameter


def searched(subject: Subject) -> list[tuple[str, str]]:
    """Each hyperparameter of the space in words, and its values: ``from 0.125 to 0.5``, ``sgd, adamw``."""
    return [(wording.hyperparameter(name), _values(name, one)) for name, one in subject.space.items()]


def at_ends(subject: Subject, point: Mapping[str, Any]) -> list[str]:
    """Of a point, what lies at an end of its range where it could go on, and whether the range mattered: ``width 0.25
    (the highest)``."""
    found = []
    for name, distribution in subject.space.items():
        value = point.get(name)
        if not axes.ranged(distribution) or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        place = axes.place(distribution, value)
        end = "the lowest" if place <= 0 else "the highest" if place >= 1 else _near(name, place, distribution)
        if end is not None and value not in (0, LIMITS.get(name)):
            if float(subject.importance["high"].get(name, 1.0)) <= HARDLY:
                end += " and it hardly mattered" if " is " in end else " of a range in which it hardly mattered"
            found.append(f"{wording.hyperparameter(name)} {wording.value(name, value, 2)} ({end})")
    return found


def _near(name: str, place: float, distribution: BaseDistribution) -> str | None:
    """``the highest is 0.1``, where a place lies so near to an end of the range that it could go on there."""
    if AT_END < place < 1 - AT_END:
        return None
    low, high, _ = axes.ends(distribution)
    end, value = ("lowest", low) if place <= AT_END else ("highest", high)
    return f"the {end} is {wording.value(name, value)}"


def _values(name: str, distribution: BaseDistribution) -> str:
    if isinstance(distribution, CategoricalDistribution):
        choices = [wording.value_if_set(name, one) for one in distribution.choices]
        return ", ".join(choices[:NAMED]) + (f" and {len(choices) - NAMED} more" if choices[NAMED:] else "")
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = (wording.value(name, end) for end in (distribution.low, distribution.high))
    if distribution.single():
        return low
    return f"from {low} to {high}"
