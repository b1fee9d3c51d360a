"""Studies whose reports the tests look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opened_page import opened
from playwright.sync_api import Browser, Page
from report_studies import sobol_points, trained_study

from fitscape.study.config import Choices, DataConfig, Optimization, Range, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.report import build


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nets really trained on digits: two depths of two families in two seeds, and a design over two hyperparameters."""
    config = StudyConfig(
        name="trained",
        description="Tiny nets on digits.",
        data=DataConfig(dataset="digits", limit=400, root=str(tmp_path_factory.mktemp("data"))),
        base=TrialConfig(optimization=Optimization(epochs=2)).with_hyperparameters({"width": 0.125}),
        space={
            "architecture": Choices(choices=("resnet18", "plain18")),
            "width": Range(low=0.125, high=0.25, log=True),
            "train_fraction": Range(low=0.05, high=1, log=True),
        },
        enqueue=tuple(
            {"architecture": f"{family}{depth}", "seed": seed}
            for family in ("plain", "resnet")
            for depth in (20, 32)
            for seed in range(2)
        ),
        search=SearchConfig(trials=20),
    )
    return trained_study(tmp_path_factory.mktemp("runs"), config, sobol_points(config, 12))


@pytest.fixture(scope="session")
def page_file(folder: Path) -> Path:
    return build(folder)


@pytest.fixture
def desktop(browser: Browser, page_file: Path) -> Iterator[Page]:
    page = opened(browser, page_file)
    yield page
    page.context.close()
