"""The site in a browser: its search finds English and Korean words, it is as dark as the system, a phone shows it."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("word", "page"),
    [("degradation", "findings.html"), ("open_study", "api/study.html"), ("과적합", "concepts/index.ko.html")],
)
def test_the_search_finds(browser: Browser, address: str, word: str, page: str) -> None:
    tab = browser.new_page()
    tab.goto(f"{address}/index.html")
    tab.locator(".md-search__input").click()
    tab.keyboard.insert_text(word)
    tab.keyboard.press("Shift")  # the search listens to keys, which an input method would press
    tab.locator(f'.md-search-result__link[href*="{page}"]').first.wait_for(state="attached")
    tab.close()


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("light", 360)])
def test_every_page_fits_its_window_in_the_colours_of_the_system(
    browser: Browser, site: Path, address: str, scheme: str, width: int
) -> None:
    tab = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: said.append(str(error)))
    for name in sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html")):
        tab.goto(f"{address}/{name}")
        assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0] < 60") is (
            scheme == "dark"
        ), name
    assert said == []
    tab.context.close()
