"""Names of code that is not ours: ``my_nets.py:Net`` in a file, ``package.module:Net`` in an installed package."""

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

WORD = r"[A-Za-z_][A-Za-z0-9_]*"
REFERENCE = rf"{WORD}(\.{WORD})*:{WORD}"
FILE = ".py"
EXAMPLE = "write FILE.py:NAME, or package.module:NAME"


class NoSuchCode(ValueError):
    """There is no such module, or no such name in it."""


@dataclass(frozen=True)
class CodeReference:
    """A name in a module. The module of a file is called as the file; ``study.plugins`` lets Python find it."""

    module: str
    name: str
    file: str  # my_nets.py; empty for a module of an installed package

    @classmethod
    def parse(cls, text: str) -> "CodeReference":
        """
        Raises:
            ValueError: the text names no code; it says why.
        """
        if not is_reference(text):
            at_fault = "/" in text or "\\" in text
            fix = "name the file alone, and its folder in plugins" if at_fault else EXAMPLE
            raise ValueError(f"'{text}' names no code; {fix}")
        module, _, name = text.partition(":")
        return cls(module.removesuffix(FILE), name, module if module.endswith(FILE) else "")

    def __str__(self) -> str:
        return f"{self.file or self.module}:{self.name}"

    def load(self) -> Any:
        """What the name stands for; the module is imported.

        Raises:
            NoSuchCode: no such module or name.
        """
        try:
            module = import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name != self.module:
                raise
            fix = f"name {self.file} in plugins" if self.file else "install its package"
            raise NoSuchCode(f"{self}: there is no module {self.module}; {fix}") from error
        if not hasattr(module, self.name):
            raise NoSuchCode(f"{self}: {self.file or self.module} has no {self.name}")
        return getattr(module, self.name)


def is_reference(text: object) -> bool:
    """Whether a text has the form of a reference; ``timm:NAME`` and ``folder:PATH`` may have it too."""
    return isinstance(text, str) and _names_code(text)


@lru_cache(maxsize=4096)
def _names_code(text: str) -> bool:
    """Of a study's few texts, each of which its trials ask for thousands of times."""
    return re.fullmatch(REFERENCE, text) is not None
