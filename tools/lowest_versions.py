"""Print a pip constraints file that pins each dependency to the lowest version that pyproject.toml allows.

What a study imports is held to its lowest version. The tools of the tests and of the site are not: no user has them.
"""

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
TOOLS = {"dev", "docs", "mutants"}  # extras whose packages no study imports
LOWEST = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?\s*>=\s*(?P<version>[0-9.]+)")


def constraints(text: str) -> list[str]:
    """``numpy==2.0.0`` for ``numpy>=2``, of the dependencies and of the extras that a study may use.

    A short version is filled up with zeros, since ``==2`` would mean the same and ``==2.10`` reads as if it did not.
    """
    project = tomllib.loads(text)["project"]
    extras = [asked for name, asked in project["optional-dependencies"].items() if name not in TOOLS]
    asked = [*project["dependencies"], *(one for extra in extras for one in extra)]
    found = {match["name"]: match["version"] for one in asked if (match := LOWEST.match(one))}
    return [f"{name}=={version}{'.0' * (2 - version.count('.'))}" for name, version in sorted(found.items())]


if __name__ == "__main__":
    print("\n".join(constraints(PYPROJECT.read_text(encoding="utf-8"))))
