"""What tests of several rooms share: a home of their own, a browser, and a stand-in for a card."""

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import cuda_stub
import pytest
import starting
from hypothesis import settings
from lacking import lacking
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
STAND_IN_FOR = (2, 14)  # and newer torch
# Of the user's: they would lead a test to what is not the test's, or its files into what is the user's.
FOREIGN = ("FITSCAPE_", "MLFLOW_", "RAY_", "XDG_")

settings.register_profile("ci", derandomize=True, database=None, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run files, and tests within each, in another order")


def pytest_configure(config: pytest.Config) -> None:
    """Tests, and the processes that they start, write no cache and no token into the user's home."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    config._home = tempfile.mkdtemp(prefix="fitscape-tests-home-")  # type: ignore[attr-defined]
    os.environ["HOME"] = config._home  # type: ignore[attr-defined]
    starting.watch()


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config._home, ignore_errors=True)  # type: ignore[attr-defined]


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    starting.mark(items)
    for item in items:
        if item.get_closest_marker("ci"):
            item.add_marker(pytest.mark.slow)
    seed = config.getoption("--shuffle")
    if seed is not None:
        draw, files = random.Random(seed), dict.fromkeys(item.path for item in items)
        place = {path: draw.random() for path in files}
        items.sort(key=lambda item: (place[item.path], draw.random()))


@pytest.fixture(autouse=True)
def _alone_if_it_starts_anything(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    starting.require_alone(request.node)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.is_file():
        lacking("Chromium in /usr/bin: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stand-in for a card is built. It follows the calls that the locked torch makes."""
    if tuple(map(int, version("torch").split(".")[:2])) < STAND_IN_FOR:
        pytest.skip("the stand-in is not for so old a torch; `python -m benchmarks.gpu` tries it on a card")
    return cuda_stub.build(tmp_path_factory.mktemp("stub"))
