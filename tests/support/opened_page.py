"""A report's page in a browser."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

SIZES = {"desktop": (1280, 900), "phone": (360, 780)}


def opened(browser: Browser, file: Path, *, size: str = "desktop", drawn: str = "#map-plot", **context: Any) -> Any:
    """The page with these figures drawn; what the console said is in ``page.said``, requests in ``page.asked``."""
    width, height = SIZES[size]
    page: Any = browser.new_context(
        viewport={"width": width, "height": height}, reduced_motion="reduce", **context
    ).new_page()
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.evaluate(f"document.querySelectorAll('{drawn}').forEach((plot) => plot.fitscape?.())")
    page.wait_for_timeout(200)
    return page
