"""The page in a browser: it draws, switches, opens trials, and can be used by keyboard and by everybody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe
from opened_page import SIZES, opened
from playwright.sync_api import Browser, Page
from report_pages import Arrays, data_of
from report_studies import simulated_study

from fitscape.study.config import Choices, Range, StudyConfig, TrialConfig
from fitscape.study.report import build


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser, page_file: Path) -> Iterator[Page]:
    page = opened(browser, page_file, size=request.param, drawn=".plot")
    yield page
    page.context.close()


def picture(page: Page) -> tuple[str, str]:
    """The map as painted, and in words."""
    painted = page.locator("#map-plot image").first.get_attribute("xlink:href") or page.locator(
        "#map-plot image"
    ).first.get_attribute("href")
    return painted or "", page.locator("#map-text").inner_text()


FIGURES = {"map-plot", "comparison-plot", "cost-plot", "degradation-plot", "gradients-first", "gradients-last"} | {
    "importance-plot"
}


def test_every_figure_is_drawn_without_a_word_on_the_console_or_a_request(page: Any, page_file: Path) -> None:
    ids = page.locator(".plot").evaluate_all("plots => plots.map((plot) => plot.id)")
    data, arrays = data_of(page_file), Arrays(page_file)
    labels = arrays.cut(data["trials"]["regimes"][-1][data["map"]["taus"].index(data["tau"])])
    regimes = {label for label, points in zip(labels, data["trials"]["curves"]["points"], strict=True) if points}
    assert sorted(ids) == sorted([*FIGURES, *[""] * len(regimes)]), "curves have a figure for each regime that occurs"
    assert page.locator(".plot:not(:has(.main-svg))").count() == 0
    assert page.said == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_the_page_is_as_wide_as_the_window(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.locator("#trials-table [data-trial]").first.click()
    assert (
        page.evaluate("document.getElementById('detail').scrollWidth - document.getElementById('detail').clientWidth")
        <= 0
    )


# Ten seconds each: the phone in dark colours stands for both.


@pytest.mark.parametrize(
    ("size", "scheme"), [("phone", "dark"), pytest.param("desktop", "light", marks=pytest.mark.slow)]
)
def test_axe_finds_no_serious_violation(browser: Browser, page_file: Path, size: str, scheme: str) -> None:
    page = opened(browser, page_file, size=size, drawn=".plot", color_scheme=scheme)
    for _ in range(2):  # the page, and then a trial opened over it
        found = [v for v in Axe().run(page)["violations"] if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found] == []
        page.evaluate("document.querySelector('#trials-table [data-trial]').click()")
    page.context.close()


@pytest.mark.parametrize(
    ("label", "choice"), [("Architecture", "plain-18"), ("Good up to (tau)", "0.2"), ("Across", "width")]
)
def test_a_switch_changes_the_map_and_what_is_said_of_it(desktop: Page, label: str, choice: str) -> None:
    before = picture(desktop)
    control = desktop.locator("#map-controls").get_by_label(label)
    control.select_option(label=choice)
    after = picture(desktop)
    assert before[0].startswith("data:image/png")
    assert after[0] != before[0]
    assert after[1] != before[1]
    assert control.evaluate("element => element === document.activeElement")  # the keyboard is where it was


def test_every_architecture_is_a_small_map_that_becomes_the_large_one(desktop: Page) -> None:
    maps = desktop.locator("#maps button")
    assert [text.splitlines()[0] for text in maps.all_inner_texts()] == ["ResNet18", "plain-18"]
    before = picture(desktop)
    maps.nth(1).click()
    assert picture(desktop)[0] != before[0]
    assert desktop.locator('#maps [aria-pressed="true"]').inner_text().startswith("plain-18")
    assert maps.nth(1).evaluate("element => element === document.activeElement")
    assert desktop.locator("#map-controls").get_by_label("Architecture").input_value() == "plain18"


def test_any_point_of_the_map_tells_probabilities_errors_and_the_trials_behind_them(desktop: Page) -> None:
    """By a click far from every marker, and then by the arrow keys."""
    desktop.locator("#map-plot").scroll_into_view_if_needed()
    empty = desktop.evaluate("""() => {
      const box = document.getElementById("map-plot").getBoundingClientRect();
      const marks = [...document.querySelectorAll("#map-plot path.point")].map((e) => e.getBoundingClientRect());
      const away = ([x, y]) => Math.min(...marks.map((m) => Math.hypot(m.x - x, m.y - y)));
      const grid = Array.from({ length: 900 }, (_, i) => [0.2 + (i % 30) / 50, 0.1 + Math.floor(i / 30) / 50]);
      return grid.map(([u, v]) => [box.x + box.width * u, box.y + box.height * v]).sort((a, b) => away(b) - away(a))[0];
    }""")
    desktop.mouse.click(*empty)
    told = desktop.locator("#map-point")
    told.wait_for(timeout=3000)
    shares = told.locator("dd.number").all_inner_texts()
    assert sum(0.0 if text == "below 0.01" else float(text.removeprefix("above ")) for text in shares) == pytest.approx(
        1, abs=0.03
    )
    assert told.inner_text().count("90\u00a0% interval") == 2
    assert told.locator("[data-trial]").count() == 5
    assert not desktop.get_by_role("dialog").is_visible()
    first = told.locator("h3").inner_text()
    assert first.startswith("ResNet18 at ")
    desktop.locator("#map-cross").focus()
    desktop.keyboard.press("ArrowLeft")
    desktop.keyboard.press("ArrowUp")
    assert told.locator("h3").inner_text() != first
    told.locator("[data-trial]").first.click()
    assert desktop.get_by_role("dialog").is_visible()


DRAW = "document.querySelectorAll('.plot').forEach((plot) => plot.fitscape?.())"


def test_curves_are_of_errors_or_of_losses(desktop: Page) -> None:
    desktop.evaluate(DRAW)

    def drawn(within: str) -> set[str]:
        return {text for text in desktop.locator(f"{within} .ytitle").all_text_contents() if text}

    assert drawn("#curves-plots") == {"error"}
    desktop.locator("#curves-controls").get_by_label("Curves of").select_option("loss")
    assert drawn("#curves-plots") == {"loss"}
    desktop.locator("#trials-table [data-trial]").first.click()
    assert "loss" in drawn("dialog")  # as was chosen
    desktop.locator("dialog select").select_option("error")
    assert "loss" not in drawn("dialog")


def test_the_front_of_error_and_cost_is_a_figure_and_a_table(desktop: Page) -> None:
    desktop.evaluate(DRAW)
    assert desktop.locator("#cost-plot .main-svg").count() >= 1
    before = desktop.locator("#cost-table tbody tr").all_inner_texts()
    errors = [float(row.split("\t")[3].split("\u00a0")[0]) for row in before]
    assert errors == sorted(errors, reverse=True)
    desktop.locator("#cost-controls").get_by_label("Cost").select_option(label="Training time")
    assert desktop.locator("#cost-table tbody tr").all_inner_texts() != before


def test_a_line_over_a_few_values_has_a_tick_and_a_mark_for_each_of_them(browser: Browser, tmp_path: Path) -> None:
    space = {"width": Choices(choices=(0.125, 0.1875, 0.25)), "norm": Choices(choices=("batch", "group", "none"))}
    page = opened(browser, build(simulated_study(tmp_path, StudyConfig(name="few", space=space), 4)))
    ticks = page.locator("#map-plot .xaxislayer-above text")
    assert ticks.all_text_contents() == ["0.125", "0.188", "0.25"]
    assert all(opacity == "1" for opacity in ticks.evaluate_all("(all) => all.map((e) => getComputedStyle(e).opacity)"))
    assert page.locator("#map-plot .scatterlayer .points path").count() % 3 == 0
    assert "Only the marked values of width were searched." in page.locator("#map-text").inner_text()
    page.locator("#map-cross").press("ArrowRight")
    assert "at width 0.25:" in page.locator("#map-point h3").inner_text()  # from one value to the next
    page.context.close()


def test_earlier_epochs_can_be_chosen_where_rates_were_constant(browser: Browser, tmp_path: Path) -> None:
    hyperparameters = {"width": Range(low=0.125, high=1, log=True), "train_fraction": Range(low=0.02, high=1, log=True)}
    base = TrialConfig().with_hyperparameters({"schedule": "constant"})
    page = opened(
        browser, build(simulated_study(tmp_path, StudyConfig(name="steady", base=base, space=hyperparameters), 24))
    )
    before = picture(page)
    page.locator("#map-controls").get_by_label("Epoch").select_option(label="epoch 2")
    after = picture(page)
    assert after[0] != before[0]
    assert "at epoch 2" in after[1]
    assert page.said == []
    page.context.close()


def test_axes_swap_instead_of_showing_a_hyperparameter_twice(desktop: Page) -> None:
    x, y = (desktop.locator("#map-controls").get_by_label(label) for label in ("Across", "Upwards"))
    across, up = x.input_value(), y.input_value()
    x.select_option(up)
    assert (x.input_value(), y.input_value()) == (up, across)


def test_a_trial_opens_by_keyboard_and_closes_with_escape(desktop: Page) -> None:
    first = desktop.locator("#trials-table tbody [data-trial]").first
    desktop.locator("#trials-table thead button").last.focus()
    desktop.keyboard.press("Tab")
    assert first.evaluate("element => element === document.activeElement")
    desktop.keyboard.press("Enter")
    dialog = desktop.get_by_role("dialog")
    assert dialog.get_by_role("heading").first.inner_text().startswith("Trial 0")
    assert "weight decay" in dialog.inner_text()
    assert dialog.locator(".plot .main-svg").count() >= 2  # its curves and its gradients
    desktop.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_a_click_on_the_map_opens_the_trial(desktop: Page) -> None:
    point = desktop.locator("#map-plot .scatterlayer path.point").first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    assert box is not None
    desktop.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    desktop.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    desktop.get_by_role("dialog").wait_for(timeout=3000)


def test_the_table_sorts_and_filters(desktop: Page) -> None:
    desktop.locator('[data-sort="val_error"]').click()
    errors = desktop.locator("#trials-table tbody tr").all_inner_texts()
    assert desktop.locator('th[aria-sort="ascending"]').inner_text() == "Validation error"
    desktop.locator('[data-sort="val_error"]').click()
    assert desktop.locator("#trials-table tbody tr").all_inner_texts() != errors
    desktop.get_by_label("Filter").fill("plain-32")
    rows = desktop.locator("#trials-table tbody tr").all_inner_texts()
    assert len(rows) == 2
    assert all("plain-32" in row for row in rows)
    desktop.get_by_label("Filter").fill("no such trial")
    assert "No trial fits" in desktop.locator("#trials-text").inner_text()


def test_dark_follows_the_system_and_the_button(browser: Browser, page_file: Path) -> None:
    page = opened(browser, page_file, color_scheme="dark")
    brightness = (
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)"
    )
    assert page.evaluate(brightness) < 150
    ink = page.locator("#map-plot .xtick text").first.evaluate("element => getComputedStyle(element).fill")
    page.get_by_role("button", name="Switch to light colours").click()
    assert page.evaluate(brightness) > 600
    assert page.locator("#map-plot .xtick text").first.evaluate("element => getComputedStyle(element).fill") != ink
    page.context.close()


def test_without_scripts_the_words_are_there(browser: Browser, page_file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    text = page.locator("main").inner_text()
    assert "The best trial that was run:" in text
    assert "need JavaScript" in text
    context.close()


def test_no_column_hides_at_1280_pixels(desktop: Page) -> None:
    hidden = "[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth + 1)"
    assert desktop.evaluate(f"{hidden}.map((e) => e.getAttribute('aria-label'))") == []
