"""``export``, ``sync``, ``fetch``, ``ui`` and ``doctor``: what they pass on and how they fail."""

import json
import os
import socket
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from command import Command
from small_study import small_study

from fitscape.study.cli import browser
from fitscape.study.ledger import Ledger
from fitscape.study.scheduling.checks import PreflightCheck
from fitscape.study.tracking import Backlog
from fitscape.study.tracking.location import locate
from fitscape.study.tracking.parent import where_key


def test_export(fitscape: Command, small: Path, tmp_path: Path) -> None:
    assert fitscape("export", "small", "--to", "out.json").out == "18 trials in out.json\n"
    assert len(json.loads((tmp_path / "out.json").read_text())) == 18


def test_export_refuses_an_ending_before_it_looks_for_the_study(fitscape: Command) -> None:
    refusal = fitscape("export", "nope", "--to", "out.xls").refusal
    assert refusal == "out.xls: cannot export to '.xls' (end in one of .json, .csv, .parquet, .db)"


@pytest.mark.parametrize("uri", [None, "http://127.0.0.1:5000"])
def test_sync(fitscape: Command, small: Path, monkeypatch: pytest.MonkeyPatch, uri: str | None) -> None:
    asked: list[Any] = []

    def ship(ledger: Path, where: str | None, *, say: Callable[[str], object]) -> Backlog:
        asked.append((ledger, where))
        return Backlog(points=0, runs=0, files=0, error="")

    monkeypatch.setattr("fitscape.study.tracking.sync", ship)
    assert fitscape("sync", "small", *(("--tracking-uri", uri) if uri else ())).code == 0
    assert asked == [(Path("fitscape-runs/small/ledger.db"), uri)]


def test_sync_says_what_is_left(fitscape: Command, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = Backlog(points=3, runs=2, files=1, error="the server does not answer")
    monkeypatch.setattr("fitscape.study.tracking.sync", lambda *_, **__: left)
    refusal = fitscape("sync", "small").refusal
    assert "3 points, 2 runs and 1 files are still unshipped: the server does not answer" in refusal


def test_fetch_needs_a_server(fitscape: Command) -> None:
    assert fitscape("fetch", "small").refusal.startswith("--tracking-uri: is required")


def test_fetch(fitscape: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitscape.study.tracking.fetch", lambda name, config, root: root / name / config.uri)
    assert fitscape("fetch", "small", "--tracking-uri", "x").out == "fitscape-runs/small/x\n"


def test_ui_refuses_a_taken_port(fitscape: Command) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert fitscape("ui", "--port", str(port)).refusal.startswith(f"--port: {port} is taken")


def test_ui_needs_a_store(fitscape: Command) -> None:
    assert "no MLflow store here" in fitscape("ui", "--port", "1").refusal


def test_doctor_tells_every_finding_and_fails_on_one(fitscape: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = [PreflightCheck("room", True), PreflightCheck("no room", False, "make some")]
    # By its full name: once imported, the module hides the function of the same name in its package.
    monkeypatch.setattr(import_module("fitscape.study.driver.preflight"), "preflight", lambda *_, **__: findings)
    ran = fitscape("doctor")
    assert (ran.code, ran.out) == (2, "ok     room\nFAULT  no room (make some)\n")
    assert json.loads(fitscape("doctor", "--json").out)[1]["fix"] == "make some"
    findings[1] = PreflightCheck("few images", False, "give more", fatal=False, warning=True)
    ran = fitscape("doctor")
    assert (ran.code, ran.out) == (0, "ok     room\nWARN   few images (give more)\n")
    findings.pop()
    assert fitscape("doctor").code == 0


def test_ui_shows_a_store_of_the_user_s_own(fitscape: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[list[str]] = []
    monkeypatch.setattr("os.execve", lambda program, arguments, environment: shown.append(arguments))
    (tmp_path / "my.db").touch()
    fitscape("ui", "--port", "1", "--tracking-uri", "sqlite:///my.db")
    assert shown[0][shown[0].index("--backend-store-uri") + 1] == f"sqlite:///{tmp_path / 'my.db'}"
    refusal = fitscape("ui", "--port", "1", "--tracking-uri", "http://host:5000").refusal
    assert refusal == "--tracking-uri: is a server, which shows its runs itself (open http://host:5000)"
    assert "no MLflow store here" in fitscape("ui", "--port", "1", "--tracking-uri", "sqlite:///gone.db").refusal


def test_ui_names_the_page_of_the_study_that_changed_last(
    fitscape: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "fitscape-runs"
    for age, name in enumerate(("older", "newest", "never-shipped")):
        folder = small_study(root, name)
        if name != "never-shipped":
            with Ledger.open(folder / "ledger.db") as ledger:
                sink = locate(root, ledger.config.tracking).sink
                ledger.set_meta(where_key(sink), {"experiment_id": "7", "run_id": name})
        os.utime(folder / "ledger.db", (1_000 + age, 1_000 + age))
    monkeypatch.setattr("fitscape.study.tracking.serve_ui", lambda root, port, uri, before: before())
    opened: list[str] = []
    monkeypatch.setattr("fitscape.study.cli.serve.open_when_up", lambda url, host, port: opened.append(url))
    page = "http://127.0.0.1:1/#/experiments/7/runs/newest?workflowType=machine_learning"
    assert f"page: {page}\n" in fitscape("ui", "--port", "1").out
    assert opened == []  # this is no terminal
    monkeypatch.setattr("fitscape.study.cli.serve.somebody_is_there", lambda: True)
    fitscape("ui", "--port", "1", "--no-browser")
    assert opened == []
    fitscape("ui", "--port", "1")
    assert opened == [page]


def test_a_browser_is_opened_once_the_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        waiting = threading.Thread(target=browser.wait_and_open, args=("the page", "127.0.0.1", port))
        waiting.start()
        waiting.join(0.3)
        assert opened == []
        server.listen()
        waiting.join(5)
    assert opened == ["the page"]
