"""Packages whose names are imported when they are first used, and optional packages."""

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


def install_command(extra: str) -> str:
    """How an optional part is installed: by the names of its packages, since no index holds fitscape itself."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        found = requires("fitscape") or []
    except PackageNotFoundError:  # sources on a path, as on a node that a job was sent to
        found = []
    wanted = [
        text.partition(";")[0].strip() for text in found if text.replace('"', "'").endswith(f"extra == '{extra}'")
    ]
    return " ".join(["pip install", *(f"'{name}'" for name in wanted or [extra])])
