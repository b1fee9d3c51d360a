"""The page of a large study: its size, and how long a browser takes to open it."""

import statistics
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from report_studies import simulated_study

from fitscape.study.config import Choices, Range, SearchConfig, StudyConfig
from fitscape.study.report import build


@pytest.mark.slow
def test_a_page_of_two_thousand_trials_is_small_and_opens_soon(browser: Browser, tmp_path: Path) -> None:
    config = StudyConfig(
        name="large",
        space={
            "architecture": Choices(choices=("resnet18", "plain18", "densenet121")),
            "width": Range(low=0.125, high=1, log=True),
            "train_fraction": Range(low=0.02, high=1, log=True),
            "weight_decay": Range(low=1e-5, high=0.1, log=True),
        },
        search=SearchConfig(trials=2000),
    )
    file = build(simulated_study(tmp_path, config, 2000))
    assert file.stat().st_size < 6_000_000
    processor = [processor_seconds(browser, file) for _ in range(3)]
    seconds = statistics.median(processor)
    print(f"2,000 trials: {file.stat().st_size / 1e6:.2f} MB, opens in {seconds:.2f} s of processor")
    assert seconds < 2


def processor_seconds(browser: Browser, file: Path) -> float:
    """Of the page's main thread until it is ready: what a wall clock would show on a machine that is idle."""
    page = browser.new_page()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]", timeout=120_000)
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    page.close()
    return float(metrics["TaskDuration"])
