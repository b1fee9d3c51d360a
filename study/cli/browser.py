"""The user's browser, opened from a terminal that somebody sits at."""

import os
import socket
import subprocess
import sys
import time
import webbrowser
from typing import Final

WITHIN: Final = 60.0  # seconds that a server has to begin
EVERY: Final = 0.2  # seconds between two knocks


def somebody_is_there() -> bool:
    """An interactive terminal of a desktop: over SSH or in a script, a browser would open where nobody looks.

    Without a display, Python's webbrowser would start a browser of text, which takes the terminal.
    """
    desktop = sys.platform in ("darwin", "win32") or any(os.environ.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY"))
    return desktop and sys.stdin.isatty() and sys.stdout.isatty() and "SSH_CONNECTION" not in os.environ


def open_when_up(url: str, host: str, port: int) -> None:
    """Leave behind a process that opens ``url`` once something answers on the port; this one may be replaced."""
    command = [sys.executable, "-m", "fitscape.study.cli.browser", url, host, str(port)]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.Popen(command, start_new_session=True, env=os.environ | {"PYTHONPATH": path}, **quiet)  # type: ignore[call-overload]


def wait_and_open(url: str, host: str, port: int) -> None:
    until = time.monotonic() + WITHIN
    while time.monotonic() < until:
        with socket.socket() as knock:
            if knock.connect_ex((host, port)) == 0:
                webbrowser.open(url)
                return
        time.sleep(EVERY)


if __name__ == "__main__":
    wait_and_open(sys.argv[1], sys.argv[2], int(sys.argv[3]))
