"""What ``run`` and ``resume`` show while a study runs: a live view, plain lines, JSON lines, or nothing."""

import os
import sys
from pathlib import Path

from fitscape.study.cli.view import View


def view(folder: Path, *, quiet: bool = False, as_json: bool = False) -> View:
    """The view that fits the options and the terminal."""
    if as_json:
        from fitscape.study.cli.lines import JsonLines

        return JsonLines(folder)
    if quiet:
        return View(folder)
    from fitscape.study.cli.notebook import Notebook, in_notebook

    if in_notebook():
        return Notebook(folder)
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from fitscape.study.cli.screen import Screen

        return Screen(folder)
    from fitscape.study.cli.lines import PlainLines

    return PlainLines(folder)
