"""Ready studies. A recipe is one module with ``recipe(scale, dataset) -> StudyConfig`` plus one line here.

Its docstring holds the command, the expected time and the expected numbers.
"""

import inspect
from importlib import import_module
from typing import get_args

from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.recipes.scale import Scale

RECIPES = (
    "quickstart",
    "degradation",
    "gradients",
    "architectures",
    "regimes",
    "memorization",
    "double_descent",
    "early_overfit",
    "pretrain",
    "finetune",
)
SCALES: tuple[Scale, ...] = get_args(Scale)


def names() -> list[str]:
    """Every recipe."""
    return list(RECIPES)


def describe(name: str) -> str:
    """What the recipe answers, in one line."""
    return (import_module(f"fitscape.study.recipes.{name}").__doc__ or "").strip().splitlines()[0]


def arguments(name: str) -> set[str]:
    """What ``get`` takes for a recipe beside its name: ``scale``, ``dataset``, and ``weights`` where it tunes some."""
    return set(inspect.signature(import_module(f"fitscape.study.recipes.{name}").recipe).parameters)


def get(name: str, *, scale: Scale = "minutes", dataset: str | None = None, weights: str | None = None) -> StudyConfig:
    """The study of that name.

    Args:
        name: one of ``names()``.
        scale: ``minutes`` on two cores, ``hours`` on one GPU, ``paper`` as published.
        dataset: another data set than the recipe's own.
        weights: other weights than the recipe's own; of a recipe that tunes some.

    Raises:
        UserError: no such recipe or scale.
    """
    if name not in RECIPES:
        raise UserError(f"no recipe '{name}'", fix=f"choose {', '.join(RECIPES)}")
    if scale not in SCALES:
        raise UserError(f"no scale '{scale}'", where="--scale", fix=f"choose {', '.join(SCALES)}")
    config: StudyConfig = import_module(f"fitscape.study.recipes.{name}").recipe(
        scale, dataset, **({} if weights is None else {"weights": weights})
    )
    return config
