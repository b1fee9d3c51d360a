"""Packages whose names are imported when they are first used."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(homes: Mapping[str, str]) -> tuple[Callable[[str], Any], list[str]]:
    """A package's ``__getattr__`` (PEP 562) and ``__all__`` for names that live in other modules.

    Args:
        homes: public name -> the full name of the module that defines it.
    """

    def __getattr__(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"no public name '{name}', choose from {', '.join(sorted(homes))}")
        return getattr(import_module(homes[name]), name)

    return __getattr__, sorted(homes)
