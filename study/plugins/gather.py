"""From a study to the code that it names, read once and hashed."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.paths import expanded
from fitscape.study.plugins.code import Code, hashed
from fitscape.study.plugins.imports import Module, follow, require_own_name
from fitscape.study.plugins.named import Named, named


def code_of(study: StudyConfig | Mapping[str, Any]) -> Code | None:
    """The code that a study names, or None where it names none.

    Args:
        study: a config, or the same as plain values.

    Raises:
        UserError: a plugin is missing, unreadable, no Python, or two of its modules have one name; ``where`` is a key
            of the study or a file.
    """
    values = study.model_dump(mode="json") if isinstance(study, StudyConfig) else study
    names, plugins = named(values), values.get("plugins") or ()
    if not names and not plugins:
        return None
    files = _files(plugins)
    for name in names:
        if name.reference.file and name.reference.file not in files:
            raise UserError(
                f"{name.reference} is in a file that the study does not name",
                where=".".join(map(str, name.key)),
                fix=f"add plugins: [{name.reference.file}], or --plugin {name.reference.file}",
            )
    modules: dict[str, Module] = {}
    for path in files.values():
        for module in follow(path.parent, path.stem).values():
            _add(module, modules)
    packages = sorted({name.reference.module.partition(".")[0] for name in names if not name.reference.file})
    hashes = [hashed(_shown(module), [module]) for module in modules.values()] + [
        hashed(package, _package(package, names)) for package in packages
    ]
    return Code(tuple(names), tuple(modules.values()), tuple(sorted(pair for pairs in hashes for pair in pairs)))


def _files(plugins: Sequence[str]) -> dict[str, Path]:
    """File name -> path."""
    found: dict[str, Path] = {}
    for i, plugin in enumerate(plugins):
        path, where = expanded(plugin).absolute(), f"plugins.{i}"
        if path.suffix != ".py" or not path.stem.isidentifier():
            raise UserError(f"'{plugin}' is not a Python file", where=where, fix="name a file such as my_nets.py")
        if not path.is_file():
            raise UserError(f"{path} is not a file", where=where, fix="paths in a file start at its folder")
        if found.setdefault(path.name, path) != path:
            raise UserError(f"two plugins are called {path.name}", where=where, fix="give one of them another name")
    return found


def _add(module: Module, modules: dict[str, Module]) -> None:
    there = modules.setdefault(module.name, module)
    if there.path != module.path:
        what = f"{there.path} and {module.path} are both the module {module.name}"
        raise UserError(what, where="plugins", fix="give one of them another name")
    if there is module and "." not in module.name:
        require_own_name(module.name, module.path)


def _shown(module: Module) -> str:
    return module.name.replace(".", "/") + ("/__init__.py" if module.package else ".py")


def _package(package: str, names: Sequence[Named]) -> list[Module]:
    """The modules of an installed package that the named ones import from it."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    place = spec and (spec.origin or next(iter(spec.submodule_search_locations or ()), None))
    if not place:
        key = next(name.key for name in names if name.reference.module.partition(".")[0] == package)
        where = ".".join(map(str, key))
        raise UserError(f"there is no package {package}", where=where, fix=f"install it, or write {package}.py:NAME")
    root = Path(place).parent.parent if Path(place).name == "__init__.py" else Path(place).parent
    found: dict[str, Module] = {}
    for name in names:
        if name.reference.module.partition(".")[0] == package:
            found |= follow(root, name.reference.module, inside=package)
    return list(found.values())
