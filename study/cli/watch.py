"""A study's page, served on this machine while the study runs: for ``report --watch`` and ``run --live``.

``run --live`` starts this module as a process of its own, so that drawing never holds up the driver; it ends when its
standard input does.
"""

import json
import os
import secrets
import select
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fitscape.study.errors import ExitCode, UserError

if TYPE_CHECKING:
    from fitscape.study.report.live import LivePage

HOST: Final = "127.0.0.1"
LOOK_EVERY: Final = 1.0  # seconds
READ_WITHIN: Final = 12.0  # seconds since a browser last asked, in which somebody has the page open
TAKEN_WITHIN: Final = 10.0  # seconds that a browser has to fetch the last page, before the process ends


class Server(ThreadingHTTPServer):
    """Serves one page and its state, under a path that nobody can guess.

    Raises:
        UserError: the port cannot be had.
    """

    daemon_threads = True

    def __init__(self, page: "LivePage", port: int) -> None:
        self.page = page
        self.path = f"/{secrets.token_urlsafe(16)}/"
        self.asked, self.given = -READ_WITHIN, 0  # when a browser asked last; the version that one got
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            taken = f"{port} cannot be used: {error.strerror or error}"
            raise UserError(
                taken, where="--port", fix="name another port, or leave --port out to take a free one"
            ) from None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}{self.path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that has left is no news."""

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """Kind and content of what a path names; None for every other path."""
        if path not in (self.path, f"{self.path}state"):
            return None
        self.asked = time.monotonic()
        if path == self.path:
            self.given = self.page.version
            return "text/html; charset=utf-8", self.page.html
        return "application/json", json.dumps(self.page.state()).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version, timeout = "fitscape", "", 10

    def do_GET(self) -> None:
        asked_for = self.headers.get("Host", "").rpartition(":")[0]
        found = self.server.answer(self.path) if asked_for in (HOST, "localhost") else None
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        kind, content = found
        self.send_response(HTTPStatus.OK)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing: the terminal is the study's."""


def watch(folder: Path, port: int, say: Callable[[str], object], ends: Callable[[float], bool] | None = None) -> int:
    """Serve a study's page until Ctrl-C, or until ``ends``, which waits for so many seconds and says whether.

    Raises:
        UserError: no study there, or the port cannot be had.
    """
    os.environ.setdefault(
        "OMP_NUM_THREADS", "1"
    )  # before numpy is loaded: threads that wait for each other burn a core
    from fitscape.study.report.live import LivePage

    with LivePage(folder) as page, Server(page, port) as server:
        page.refresh()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        say(server.url)
        try:
            while not (ends or _asleep)(LOOK_EVERY):
                _refresh(page)
            if time.monotonic() - server.asked < READ_WITHIN:
                _hand_over(page, server)
        except KeyboardInterrupt:
            pass
        finally:
            server.shutdown()
    return ExitCode.DONE


def follow(folder: Path) -> int:
    """For ``run --live``: the address is one line on stdout; the end of stdin is the end of the run."""
    os.nice(10)

    def ends(seconds: float) -> bool:
        return bool(select.select([sys.stdin], [], [], seconds)[0])

    return watch(folder, 0, lambda url: print(url, flush=True), ends)


def _asleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _refresh(page: "LivePage") -> None:
    try:
        page.refresh()
    except UserError:  # the ledger is locked or away for a moment: the last page stays
        return


def _hand_over(page: "LivePage", server: Server) -> None:
    """The last page, and time for the browser that is open to fetch it."""
    _refresh(page)
    until = time.monotonic() + TAKEN_WITHIN
    while server.given != page.version and time.monotonic() < until:
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(follow(Path(sys.argv[1])))
