"""Named search spaces. Data, not logic: a new space is one new file here plus one line in SPACES.

Each module holds ``SPACE`` (hyperparameter -> Optuna distribution); its docstring is its description.
"""

from importlib import import_module

from optuna.distributions import BaseDistribution

SPACES = ("quick", "capacity", "regularization", "data", "full")


def names() -> list[str]:
    """Every search space."""
    return list(SPACES)


def get(name: str) -> dict[str, BaseDistribution]:
    """The space of that name, hyperparameter -> distribution.

    Raises:
        KeyError: no such space.
    """
    if name not in SPACES:
        raise KeyError(name)
    return dict(import_module(f"fitscape.search_spaces.{name}").SPACE)


def describe(name: str) -> str:
    """What the space is for, in one line."""
    return (import_module(f"fitscape.search_spaces.{name}").__doc__ or "").strip().splitlines()[0]
