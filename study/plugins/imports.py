"""What a file imports from its own folder: all of that is the user's code, and goes where the file goes.

Found by reading, not by running: an import inside a function counts, one by a name that is made up as the program
runs does not, and such a module is not found where trials run.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from fitscape.study.errors import UserError

LARGEST = 8 * 2**20  # bytes of one file


@dataclass(frozen=True)
class Module:
    """One module of the user's, as Python finds it."""

    name: str  # in full: blocks, nets.blocks
    path: str  # of the file on the machine that read it
    source: bytes
    package: bool


def follow(root: Path, first: str, *, inside: str = "") -> dict[str, Module]:
    """The module ``first`` below ``root`` and every module below it that these import, by name.

    Args:
        inside: only modules of this package are followed; empty: every one that lies in ``root``.

    Raises:
        UserError: a file cannot be read or is no Python.
    """
    found: dict[str, Module] = {}
    left = [first]
    while left:
        name = left.pop()
        if name in found or (inside and name.partition(".")[0] != inside):
            continue
        module = _module(root, name)
        if module is None:
            continue
        found[name] = module
        left += [name.rpartition(".")[0]] if "." in name else []
        left += _imported(module)
    return found


def require_own_name(name: str, path: str) -> None:
    """Refuse a module whose name is taken: which of the two is meant would depend on who asks.

    Raises:
        UserError: Python itself or an installed package has a module of that name.
    """
    if name in sys.stdlib_module_names:
        raise UserError(f"Python has a module {name} of its own", where=path, fix="give the file another name")
    spec = PathFinder.find_spec(name)
    origin = Path((spec and (spec.origin or next(iter(spec.submodule_search_locations or ()), None))) or "")
    if {"site-packages", "dist-packages"} & set(origin.parts):
        raise UserError(f"an installed package is called {name} too", where=path, fix="give the file another name")


def _module(root: Path, name: str) -> Module | None:
    below = root.joinpath(*name.split("."))
    for path, package in ((below.with_name(f"{below.name}.py"), False), (below / "__init__.py", True)):
        if path.is_file():
            return Module(name, str(path), _read(path), package)
    if below.is_dir() and any(below.rglob("*.py")):
        return Module(name, str(below / "__init__.py"), b"", True)  # a package without a file of its own
    return None


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise UserError(f"has {size / 2**20:.0f} MiB, which is too large for code", where=str(path))
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None


def _imported(module: Module) -> Iterator[str]:
    """Names that may be modules: of ``from a import b`` both ``a`` and ``a.b``."""
    try:
        tree = ast.parse(module.source, module.path)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{module.path}:{line}" if line else module.path
        raise UserError(f"is not valid Python: {getattr(error, 'msg', error)}", where=where) from None
    package = module.name if module.package else module.name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if node.level and package else []
            above = parts[: len(parts) - (node.level - 1)] if node.level > 1 else parts
            start = ".".join([*above, *([node.module] if node.module else [])])
            if start:
                yield start
                yield from (f"{start}.{alias.name}" for alias in node.names if alias.name != "*")
