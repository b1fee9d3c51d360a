"""``report --watch`` and ``run --live``: how they are refused, how they end, and the process beside a run."""

import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from command import Command

from fitscape.study.cli import watch
from fitscape.study.cli.page_process import page_beside
from fitscape.study.cli.view import View
from fitscape.study.report.live import LivePage
from fitscape.study.scheduling.events import Event, Message, Started


def test_what_cannot_be_done_is_one_line(fitscape: Command, small: Path) -> None:
    assert fitscape("run", "quickstart", "--live", "--quiet").refusal.startswith("--live: says where the page is")
    assert fitscape("report", "small", "--port", "8000").refusal == "--port: is for --watch"
    assert fitscape("report", "small", "--watch", "--pdf").refusal.startswith("--pdf: does not go with --watch")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        taken = fitscape("report", "small", "--watch", "--port", port).refusal
    assert taken.startswith(f"--port: {port} cannot be used: Address already in use")


def test_ctrl_c_ends_a_watch_in_order(fitscape: Command, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seconds: float) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "_asleep", interrupted)
    monkeypatch.setattr(LivePage, "refresh", lambda page: False)
    ran = fitscape("report", "small", "--watch")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("http://127.0.0.1:")
    assert ran.out.endswith("/ (Ctrl-C ends it)\n")
    assert ran.out.count("\n") == 1


class Heard(View):
    """A view that keeps what it is to say."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.said: list[str] = []

    def show(self, event: Event) -> None:
        if isinstance(event, Message):
            self.said.append(event.text)


def test_a_process_beside_a_run_serves_its_page_and_ends_with_it(small: Path) -> None:
    view = Heard(small)
    with page_beside(view, small) as observer:
        observer(Started(20, 0))
        until = time.monotonic() + 120
        while not view.said and time.monotonic() < until:
            time.sleep(0.05)
        url = view.said[0].removeprefix("live page: ")
        with urllib.request.urlopen(f"{url}state", timeout=30) as answer:
            assert b"16 of 20 trials ended" in answer.read()
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert b"connect-src 'self'" in answer.read()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)
