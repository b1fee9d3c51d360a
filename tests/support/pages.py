"""The pages of docs/how-to as programs: a block with a file's name becomes that file, a command is run.

- A block with ``title="PATH"`` is written to PATH; of a ``diff`` block, the file is changed as it says.
- A ``bash`` block is run, and must succeed.
- All ``python`` blocks without a title are one script, run where the last of them stands.
- What has no language, or is ``text``, is there to be read.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCES = ("fitscape", "models", "search_spaces", "study")  # fitscape/ is links to the others
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)(?P<options>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S
)
TITLE = re.compile(r'title="([^"]+)"')

# ``fitscape run`` and ``doctor`` as far as they check their study; no driver, and so neither Ray nor torch is loaded.
CHECKED = """#!{python}
import sys
from types import ModuleType
from fitscape.study.cli import main

driver, preflight = ModuleType("fitscape.study.driver"), ModuleType("fitscape.study.driver.preflight")
driver.run = lambda config, *_, **__: print("would run", config.name, "with", config.search.trials, "trials") or 0
driver.drawn_beside = lambda *_: []
preflight.preflight = lambda *_, **__: []
sys.modules.update({{"fitscape.study.driver": driver, "fitscape.study.driver.preflight": preflight}})
main(sys.argv[1:])
"""
RUN = "#!{python}\nimport sys\nfrom fitscape.study.cli import main\nmain(sys.argv[1:])\n"


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    title: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, without the indentation of a list that they stand in."""
    for found in FENCE.finditer(page.read_text()):
        title = TITLE.search(found["options"])
        text = re.sub(rf"^{found['indent']}", "", found["text"], flags=re.M)
        yield Block(found["language"], title[1] if title else "", text)


def copy_packages(folder: Path) -> None:
    """A working copy of what a page may change."""
    unread = shutil.ignore_patterns("__pycache__")
    for name in (*SOURCES, "tests"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=unread, symlinks=True)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)


def follow(page: Path, folder: Path, *, for_real: bool = False, marks: bool = False) -> str:
    """Do what a page says, in a folder; returns all that was printed.

    Args:
        for_real: False: ``fitscape run`` checks its study and stops there.
        marks: print a form feed before each Python block of the script.
    """
    said, steps = [], list(blocks(page))
    script = [block for block in steps if block.language == "python" and not block.title]
    for block in steps:
        if block.language == "diff":
            change(folder / block.title, block.text)
        elif block.title:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text)
        elif block.language == "bash":
            said.append(_ran(["bash", "-euo", "pipefail", "-c", block.text], folder, for_real))
        elif script and block is script[-1]:
            mark = 'print(end="\\f")\n' if marks else ""
            said.append(_ran([sys.executable, "-c", "\n".join(mark + part.text for part in script)], folder, for_real))
    return "".join(said)


def change(file: Path, diff: str) -> None:
    """Replace the lines of a diff that the file has by those that it shall have. They must be there, and once."""
    lines = diff.splitlines()
    before, after = ("".join(f"{line[1:]}\n" for line in lines if line[:1] in kept) for kept in (" -", " +"))
    text = file.read_text()
    assert text.count(before) == 1, f"{file.name} does not hold, or holds twice:\n{before}"
    file.write_text(text.replace(before, after))


def _ran(command: list[str], folder: Path, for_real: bool) -> str:
    tools = folder / ".tools"
    tools.mkdir(exist_ok=True)
    (tools / "fitscape").write_text((RUN if for_real else CHECKED).format(python=sys.executable))
    (tools / "fitscape").chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FITSCAPE_", "RAY_ADDRESS", "MLFLOW_TRACKING"))}
    path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **kept,
            "PATH": path,
            "PYTHONPATH": str(folder),
            "FITSCAPE_DATA": str(folder / "data"),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"
    return done.stdout
