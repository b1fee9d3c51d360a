"""What of the page is kept elsewhere: printed, and its figures as files."""

import re
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


def test_on_paper_small_print_of_a_table_is_no_larger_than_its_numbers_and_no_page_is_left_empty(desktop: Page) -> None:
    desktop.emulate_media(media="print")
    size = "(e) => parseFloat(getComputedStyle(e).fontSize)"
    inside = desktop.locator("#comparison td .small").first
    assert inside.evaluate(size) == inside.evaluate(f"(e) => ({size})(e.closest('td'))")
    card = desktop.locator(".card.advice").first  # longer than a page: kept whole, it would leave the first page empty
    assert card.evaluate("(e) => getComputedStyle(e).breakInside") == "auto"


def test_a_number_stays_with_its_per_cent_sign(page_file: Path) -> None:
    words = page_file.read_text(encoding="utf-8").partition("<script")[0]
    assert "90\u00a0%" in words
    assert re.findall(r"\d %", words) == []


@pytest.mark.parametrize(("format", "begin"), [("PNG", b"\x89PNG"), ("SVG", b"<svg")])
def test_a_figure_is_saved_in_the_size_of_a_slide(desktop: Page, format: str, begin: bytes) -> None:
    with desktop.expect_download() as download:
        desktop.get_by_role("button", name=f"Save as {format}: Regime map").click()
    assert download.value.suggested_filename == f"trained-map-plot.{format.lower()}"
    saved = Path(download.value.path()).read_bytes()
    assert saved.startswith(begin)
    if format == "PNG":
        assert (int.from_bytes(saved[16:20], "big"), int.from_bytes(saved[20:24], "big")) == (1600, 900)
