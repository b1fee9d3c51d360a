"""Print the dependencies of pyproject.toml and of the extras that are named, for pip; no build, no torch."""

import sys
import tomllib
from pathlib import Path

file, *extras = sys.argv[1:]
project = tomllib.loads(Path(file).read_text())["project"]
print(*project["dependencies"], *(line for e in extras for line in project["optional-dependencies"][e]), sep="\n")
