"""The page of a large study: its size, and how long a browser takes to open it."""

import statistics
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from report_studies import simulated_study

from fitscape.study.config import Choices, Range, SearchConfig, StudyConfig
from fitscape.study.report import build


@pytest.mark.slow
@pytest.mark.parametrize(("trials", "most_bytes", "most_seconds"), [(2000, 6e6, 2), (10_000, 8e6, 3)])
def test_a_page_of_thousands_of_trials_is_small_and_opens_soon(
    browser: Browser, tmp_path: Path, trials: int, most_bytes: float, most_seconds: float
) -> None:
    config = StudyConfig(
        name="large",
        space={
            "architecture": Choices(choices=("resnet18", "plain18", "densenet121")),
            "width": Range(low=0.125, high=1, log=True),
            "train_fraction": Range(low=0.02, high=1, log=True),
            "weight_decay": Range(low=1e-5, high=0.1, log=True),
        },
        search=SearchConfig(trials=trials),
    )
    file = build(simulated_study(tmp_path, config, trials))
    assert file.stat().st_size < most_bytes
    processor = [processor_seconds(browser, file) for _ in range(3)]
    seconds = statistics.median(processor)
    print(f"{trials:,} trials: {file.stat().st_size / 1e6:.2f} MB, opens in {seconds:.2f} s of processor")
    assert seconds < most_seconds


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
