"""What of the page is kept elsewhere: printed, and its figures as files."""

from pathlib import Path

import pytest
from playwright.sync_api import Page


def test_printed_pages_hold_no_controls(desktop: Page) -> None:
    desktop.emulate_media(media="print")
    assert not desktop.locator("#map-controls").is_visible()
    assert not desktop.locator("nav.contents").is_visible()
    assert desktop.locator("#map-plot").is_visible()


def test_printed_pages_hold_every_trial_and_cut_no_column(desktop: Page) -> None:
    desktop.evaluate("name => dispatchEvent(new Event(name))", "beforeprint")
    desktop.emulate_media(media="print")
    rows = desktop.locator("#trials-table tbody tr").count()
    assert f"of {rows}." in desktop.locator("#trials-text").inner_text()
    desktop.set_viewport_size({"width": 1030, "height": 700})  # the printed width of A4 lying down, in CSS pixels
    cut = (
        "[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.ariaLabel)"
    )
    assert desktop.evaluate(cut) == []


@pytest.mark.parametrize(("format", "begin"), [("PNG", b"\x89PNG"), ("SVG", b"<svg")])
def test_a_figure_is_saved_in_the_size_of_a_slide(desktop: Page, format: str, begin: bytes) -> None:
    with desktop.expect_download() as download:
        desktop.get_by_role("button", name=f"Save as {format}: Regime map").click()
    assert download.value.suggested_filename == f"trained-map-plot.{format.lower()}"
    saved = Path(download.value.path()).read_bytes()
    assert saved.startswith(begin)
    if format == "PNG":
        assert (int.from_bytes(saved[16:20], "big"), int.from_bytes(saved[20:24], "big")) == (1600, 900)
