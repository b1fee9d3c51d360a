"""The user's code as a value: sources in memory, the same in every process, found by Python while it is installed.

Nothing else of the user's folder is on Python's path: a process sees what was hashed and no more.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from fitscape.study import isolated
from fitscape.study.plugins.imports import Module
from fitscape.study.plugins.named import Named


@dataclass(frozen=True)
class Code:
    """All code of the user's that a study runs. It pickles, and holds text only."""

    named: tuple[Named, ...]
    modules: tuple[Module, ...] = ()  # of files; they travel
    hashes: tuple[tuple[str, str], ...] = ()  # file or package -> 12 hexadecimal digits

    @property
    def digest(self) -> str:
        """Every file with its hash, in one line: what a resume compares."""
        return ", ".join(f"{name} {digits}" for name, digits in self.hashes)

    @property
    def packages(self) -> tuple[str, ...]:
        """Modules of installed packages that every node has to have."""
        return tuple(sorted({name.reference.module for name in self.named if not name.reference.file}))

    def write(self, folder: Path) -> None:
        """Put the files into a folder, as they lie to each other."""
        for module in self.modules:
            path = folder.joinpath(*module.name.split("."))
            file = path / "__init__.py" if module.package else path.with_name(f"{path.name}.py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(module.source)

    def install(self) -> None:
        """Let this process, and those that ``isolated`` starts, import the modules. Code that was installed goes."""
        install(self)


_finder: "_Finder | None" = None


def install(code: Code | None) -> None:
    """``Code.install``; None takes away what is installed."""
    global _finder
    if _finder is not None and code == _finder.code:
        return
    if _finder is not None:
        sys.meta_path.remove(_finder)
        for name in _finder.modules:
            sys.modules.pop(name, None)
    _finder = None if code is None else _Finder(code)
    isolated.begin_with(None if code is None else code.install)
    if _finder is not None:
        for name in _finder.modules:  # a module of that name that somebody else has imported is not the one
            sys.modules.pop(name, None)
        sys.meta_path.insert(0, _finder)


def installed() -> Code | None:
    """What this process can import of the user's."""
    return None if _finder is None else _finder.code


def hashed(name: str, modules: Sequence[Module]) -> tuple[tuple[str, str], ...]:
    """``("my_nets.py", "0f...")`` of one file; of a package's modules one hash for all."""
    digest = hashlib.sha256()
    for module in sorted(modules, key=lambda m: m.name):
        digest.update(f"{module.name}\0{len(module.source)}\0".encode() + module.source)
    return ((name, digest.hexdigest()[:12]),)


class _Finder(MetaPathFinder):
    """Finds the modules of one ``Code``, before anything else does."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.modules = {module.name: module for module in code.modules}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        module = self.modules.get(fullname)
        if module is None:
            return None
        inside: list[str] | None = [] if module.package else None
        return spec_from_file_location(
            fullname, module.path, loader=_SourceLoader(module), submodule_search_locations=inside
        )


class _SourceLoader(InspectLoader):
    """Runs a module from its source in memory. Tracebacks show the source where the file is not, too."""

    def __init__(self, module: Module) -> None:
        self._module = module

    def is_package(self, fullname: str) -> bool:
        return self._module.package

    def get_source(self, fullname: str) -> str:
        return self._module.source.decode("utf-8", "replace")

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self._module.source, self._module.path)
        return code
