"""The live view of a notebook: what a terminal shows, as HTML that is replaced in place."""

import io
import sys
import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from fitscape.study.cli.lines import pointers, standing
from fitscape.study.cli.screen import drawing
from fitscape.study.cli.view import View
from fitscape.study.cli.wording import outcome
from fitscape.study.records import TrialState
from fitscape.study.scheduling.events import Event, Finished, Message, TrialEnded

EVERY: Final = 0.5  # seconds between two drawings
WIDTH: Final = 100  # characters
FORMAT: Final = '<pre style="line-height:1.3;background:none">{code}</pre>'

Show = Callable[[str], Any]


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


class Notebook(View):
    """``show_html`` puts HTML where the last one was; None: by IPython's display."""

    def __init__(self, folder: Path, show_html: Show | None = None) -> None:
        super().__init__(folder)
        self._show_html = show_html or _displayed()
        self._said: list[str] = []
        self._next = 0.0

    def show(self, event: Event) -> None:
        match event:
            case TrialEnded() if event.trial.state is TrialState.FAILED:
                self._said.append(outcome(event.trial))
            case Message():
                self._said.append(event.text)
            case Finished():
                self._said += [standing(self.tally), *pointers(event.summary)]
        if time.monotonic() >= self._next or isinstance(event, Finished):
            self._draw()
            self._next = time.monotonic() + EVERY

    def _draw(self) -> None:
        with self.lock:
            console = Console(record=True, file=io.StringIO(), width=WIDTH, force_jupyter=False)
            console.print(drawing(self.tally))
        said = "".join(f"<br>{escape(line)}" for line in self._said)
        self._show_html(console.export_html(inline_styles=True, code_format=FORMAT) + said)


def _displayed() -> Show:
    from IPython.display import HTML, display

    shown = display(HTML(""), display_id=True)
    return lambda html: shown.update(HTML(html))
