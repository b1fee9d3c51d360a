"""Raise Ray's upper bound in pyproject.toml above the version that is installed: for `.ci/newest`, after its tests."""

import re
from importlib.metadata import version
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
BOUND = re.compile(r'("ray\[[^]]*\]>=[0-9.]+,<)(\d+)\.(\d+)"')


def raised(text: str, tested: str) -> str:
    """The text with the bound at the minor version after ``tested``; as it was where the bound is higher already.

    Raises:
        ValueError: the text has no bound.
    """
    found = BOUND.search(text)
    if found is None:
        raise ValueError("pyproject.toml has no upper bound on Ray")
    major, minor = (int(part) for part in tested.split(".")[:2])
    if (major, minor + 1) <= (int(found[2]), int(found[3])):
        return text
    return text.replace(found[0], f'{found[1]}{major}.{minor + 1}"')


if __name__ == "__main__":
    PYPROJECT.write_text(raised(PYPROJECT.read_text(encoding="utf-8"), version("ray")), encoding="utf-8")
