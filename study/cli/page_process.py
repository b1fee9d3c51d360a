"""The process beside ``run --live`` that serves the study's page (cli/watch.py)."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fitscape.study.cli.view import View
from fitscape.study.scheduling.events import Event, Message, Observer, Started

END_WITHIN: Final = 60.0  # seconds for the last page; it is only made where a browser has the page open


@contextlib.contextmanager
def page_beside(view: View, folder: Path) -> Iterator[Observer]:
    """An observer that tells the view everything, and once the study has a ledger where its page is.

    The address goes to the view alone: whoever has it can read the page, so that the study's log must not have it.
    At the end of the block the process is let go; one that does not end is killed.
    """
    beside = _Beside(view, folder)
    try:
        yield beside
    finally:
        beside.end()


class _Beside:
    def __init__(self, view: View, folder: Path) -> None:
        self._view, self._folder = view, folder
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, event: Event) -> None:
        self._view(event)
        if isinstance(event, Started) and self._process is None:
            self._process = _start(self._folder)
            threading.Thread(target=self._tell, args=(self._process,), daemon=True).start()

    def _tell(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        self._view(Message(f"live page: {url}" if url else "the live page could not be served; the study continues"))

    def end(self) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
        except BaseException:  # a second Ctrl-C
            process.kill()
            raise


def _start(folder: Path) -> "subprocess.Popen[str]":
    """In a session of its own: the terminal's Ctrl-C is for the driver, which then lets it go."""
    command = [sys.executable, "-m", "fitscape.study.cli.watch", str(folder)]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, text=True, start_new_session=True, env=environment, **pipes)  # type: ignore[call-overload]
