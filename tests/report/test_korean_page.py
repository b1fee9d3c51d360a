"""The page in Korean, in a browser: no word of it is left in English."""

import re
from pathlib import Path
from typing import Any

import pytest
from outputs import quickstart
from playwright.sync_api import Browser

from fitscape.study.opened import open_study
from fitscape.study.report import language
from fitscape.study.report.page import render
from fitscape.study.report.subject import Subject

KEPT = re.compile(  # names that stay in Latin letters
    r"Fitscape|fitscape|FITSCAPE|trained|Tiny nets on digits|digits|ResNet|DenseNet|plain|resnet|densenet|batch|FLOPs|"
    r"PNG|SVG|MLflow|plotly\.js|JavaScript|Plotly Inc|MIT|regime|degradation|ledger|tau|sobol|\bhe\b|adamw|sgd|"
    r"CPU|Holm|one_cycle|constant|identity|small|reestimated|none|cpu|here|UTC|id|[0-9a-f]{12,}|HC3|Ray|Prechelt|"
    r"[A-Z][a-z]+(?= 외| 2\d{3}|와 [A-Z])"
)
TEXTS = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const left = 'script, style, noscript, [translate=no], dl.hyperparameters dd, .provenance dd';
  while (walk.nextNode()) if (!walk.currentNode.parentElement.closest(left)) found.push(walk.currentNode.textContent);
  for (const name of ['aria-label', 'alt', 'placeholder'])
    for (const e of document.querySelectorAll(`[${name}]`)) found.push(e.getAttribute(name));
  return found;
}"""


@pytest.fixture
def korean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a quickstart that was really run."""
    monkeypatch.setenv(language.VARIABLE, "ko")
    page = tmp_path / "index.html"
    quickstart(tmp_path)
    with open_study(tmp_path / "fitscape-runs/quickstart") as study:
        page.write_text(render(Subject(study)), encoding="utf-8")
    return page


@pytest.mark.parametrize(
    ("locale", "address", "language_", "heading", "axis"),
    [
        ("ko-KR", "", "ko", "추천", "검증 오류"),
        ("en-US", "", "en", "Recommendation", "validation error"),
        ("de-DE", "", "en", "Recommendation", "validation error"),  # which the page does not hold
        ("ko-KR", "?lang=en", "en", "Recommendation", "validation error"),
    ],
)
def test_a_page_whose_language_nobody_named_is_in_that_of_the_browser(
    browser: Browser, page_file: Path, locale: str, address: str, language_: str, heading: str, axis: str
) -> None:
    page: Any = browser.new_context(locale=locale, reduced_motion="reduce").new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.goto(page_file.as_uri() + address)
    page.wait_for_selector("html[data-ready]")
    assert page.locator("html").get_attribute("lang") == language_
    assert page.locator("#recommendation-title").inner_text() == heading
    page.evaluate("document.querySelectorAll('.plot').forEach((plot) => plot.fitscape?.())")
    assert page.locator("#cost-plot .ytitle").text_content() == axis
    pictures = page.evaluate("Array.from(document.querySelectorAll('#page img'), (image) => image.src.slice(0, 10))")
    assert pictures
    assert set(pictures) == {"data:image"}
    other = {"ko": "English", "en": "한국어"}[language_]
    page.locator("button.language").click()  # to the other one, whatever the browser prefers
    page.wait_for_selector("html[data-ready]")
    assert page.locator("html").get_attribute("lang") == {"ko": "en", "en": "ko"}[language_]
    assert page.locator("button.language").inner_text() != other
    assert said == []
    page.context.close()


def test_a_page_whose_language_was_named_speaks_that_one_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_study(folder) as study:
        both = render(Subject(study))
        monkeypatch.setenv(language.VARIABLE, "en")
        alone = render(Subject(study))
    assert 'data-language="ko"' in both
    assert "data-language=" not in alone.split("</style>")[1].split('<script type="module">')[0]
    assert 0 < len(both) - len(alone) < 120_000


def test_no_word_of_the_page_is_missing_in_the_catalogue(browser: Browser, korean: Path) -> None:
    page: Any = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce").new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(korean.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.locator("html").get_attribute("lang") == "ko"
    page.evaluate("document.querySelectorAll('.plot').forEach((plot) => plot.fitscape?.())")
    page.locator("#map-cross").click()
    texts = page.evaluate(TEXTS)
    page.locator("#trials-table [data-trial]").first.click()
    texts += page.evaluate(TEXTS)
    missing = {text for text in texts if re.search(r"[A-Za-z]{2,}", KEPT.sub("", text))}
    assert not missing
    assert said == []
    assert "적합" in page.locator("#words").inner_text()
    page.context.close()
