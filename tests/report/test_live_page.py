"""The page of a study that runs: made anew as trials end, and read on without losing one's place."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from report_studies import SIMULATED_PROVENANCE, simulated, sobol_points

from fitscape.study.cli import watch
from fitscape.study.config import Range, SearchConfig, StudyConfig
from fitscape.study.ledger import EXPECTED, Ledger, StudyLock
from fitscape.study.report.live import LivePage

CONFIG = StudyConfig(
    name="running",
    space={"width": Range(low=0.125, high=1, log=True), "train_fraction": Range(low=0.02, high=1, log=True)},
    search=SearchConfig(trials=12),
)


class Running:
    """A study that is driven from here, trial by trial."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.ledger = Ledger.create(folder / "ledger.db", CONFIG, SIMULATED_PROVENANCE)
        self.lock = StudyLock(folder).acquire()
        self._points = iter(sobol_points(CONFIG, 12))

    def end_trials(self, count: int) -> None:
        for _ in range(count):
            simulated(self.ledger, CONFIG, next(self._points))

    def end(self) -> None:
        self.lock.release()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    study = Running(tmp_path / "running")
    yield study
    study.end()
    study.ledger.close()


@pytest.fixture
def served(running: Running) -> Iterator[tuple[LivePage, watch.Server]]:
    with LivePage(running.folder) as page, watch.Server(page, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield page, server
        server.shutdown()


def test_the_state_is_of_now_and_the_page_is_made_anew_only_when_its_share_of_a_core_allows(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitscape.study.report.live.STATE_FOR", 0.0)
    clock = [1000.0]
    monkeypatch.setattr("fitscape.study.report.live.time.monotonic", lambda: clock[0])
    spent = iter([0.0, 4.0, 4.0, 8.0, 8.0, 9.0])  # of the processor, before and after each page
    monkeypatch.setattr("fitscape.study.report.live.time.process_time", lambda: next(spent))
    monkeypatch.setattr("fitscape.study.report.live.render", lambda subject, live: json.dumps(live))
    running.ledger.set_meta(EXPECTED, [300.0, time.time()])
    with LivePage(running.folder) as page:
        assert page.refresh()
        running.end_trials(2)
        assert page.state()["line"].startswith("2 of 12 trials ended, 0 running, about ")
        assert page.state()["latest"][0].startswith("#1 ")
        clock[0] += 79
        assert not page.refresh()  # 4 s of a core are 5 % of 80 s
        clock[0] += 2
        assert page.refresh()
        assert json.loads(page.html) | {"made": 0} == {"version": 2, "trials": 2, "made": 0, "over": False}
        assert not page.refresh()  # nothing has ended since
        running.end()
        assert page.refresh()  # the last page comes at once
        assert page.state() == {"line": "2 of 12 trials ended, nothing runs", "over": True, "version": 3} | {
            "latest": page.state()["latest"]
        }


def got(server: watch.Server, path: str, host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request("GET", path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_nothing_is_served_but_the_page_and_its_state_on_loopback(served: tuple[LivePage, watch.Server]) -> None:
    page, server = served
    page.html = b"the page"
    assert server.server_address[0] == "127.0.0.1"
    assert got(server, server.path) == (200, b"the page")
    assert json.loads(got(server, f"{server.path}state")[1])["version"] == 0
    for other in ("/", "/state", server.path[:-1], f"{server.path}ledger.db", f"{server.path}../", "/etc/passwd"):
        assert got(server, other)[0] == 404
    assert got(server, server.path, host="elsewhere.example:80")[0] == 404  # a name that was bent to this machine
    assert len(server.path) > 20


def test_the_reader_keeps_place_and_choices_while_the_page_is_made_anew_and_when_the_study_is_over(
    browser: Browser, running: Running, served: tuple[LivePage, watch.Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitscape.study.report.live.SHARE", 0)
    monkeypatch.setattr("fitscape.study.report.live.STATE_FOR", 0.0)
    page, server = served
    running.end_trials(8)
    page.refresh()
    tab: Any = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce").new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(server.url)
    tab.wait_for_selector("html[data-ready]")
    tab.locator("#map-controls").get_by_label("Across").select_option(label="training images")
    tab.locator('[data-sort="val_error"]').click()
    tab.evaluate("document.activeElement.blur(); document.getElementById('map').scrollIntoView()")
    before = tab.evaluate("document.getElementById('map').getBoundingClientRect().top")
    for over in (False, True):
        running.end_trials(2)
        if over:
            running.end()
        assert page.refresh()
        tab.wait_for_selector(f"html[data-ready] #live-age:text('{12 if over else 10} trials')", timeout=20_000)
        assert tab.locator("#map-controls").get_by_label("Across").input_value() == "train_fraction"
        assert tab.locator('th[aria-sort="ascending"]').inner_text() == "Validation error"
        assert abs(tab.evaluate("document.getElementById('map').getBoundingClientRect().top") - before) < 3
    tab.wait_for_function("document.getElementById('live-state').textContent === 'This study has ended.'")
    assert "12 of 12 trials ended" in tab.locator("#live-line").inner_text()
    assert said == []
    tab.context.close()
