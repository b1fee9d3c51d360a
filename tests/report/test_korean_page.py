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
