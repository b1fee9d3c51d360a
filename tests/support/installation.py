"""Fitscape as a user has it: a wheel in a virtual environment of its own, beside the packages of this one."""

import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCES = ("fitscape", "models", "search_spaces", "study", "pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True)
class Installation:
    """A virtual environment that holds the wheel."""

    folder: Path
    names: list[str]  # top-level names that the wheel put into site-packages

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def command(self) -> Path:
        return self.folder / "bin" / "fitscape"


def install(folder: Path) -> Installation:
    """Build the wheel and install it, below ``folder``."""
    environment = folder / "venv"
    venv.create(environment, with_pip=False)
    packages = next((environment / "lib").glob("python*")) / "site-packages"
    before = {entry.name for entry in packages.iterdir()}
    _pip("--python", str(environment / "bin" / "python"), "install", "--no-deps", str(_wheel(folder)))
    names = {entry.name for entry in packages.iterdir()} - before
    others = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "others.pth").write_text("\n".join(others) + "\n")
    return Installation(environment, sorted(name for name in names if not name.endswith(".dist-info")))


def _wheel(folder: Path) -> Path:
    """Built from a copy: a build in place would leave its folders in the checkout."""
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / name)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    return wheel


def _pip(*words: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words],
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
