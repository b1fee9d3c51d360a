"""Open a study in MLflow's own pages and print as JSON what they show.

``look_at_mlflow.py BASE EXPERIMENT RUN FILTER``
A process of its own: Playwright's event loop would stay in the test's.
"""

import json
import re
import sys
from urllib.parse import quote

from playwright.sync_api import sync_playwright


def look(base: str, experiment: str, run: str, wanted: str) -> dict[str, object]:
    mode = "workflowType=machine_learning"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(60_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))

        page.goto(f"{base}/#/experiments/{experiment}/runs?{mode}&searchFilter={quote(wanted)}")
        found = page.get_by_text(re.compile(r"^[1-9]\d* matching run"))
        found.wait_for()
        matching = found.inner_text()

        page.goto(f"{base}/#/experiments/{experiment}/runs/{run}?{mode}")
        page.get_by_text("Show more").first.click()
        picture = page.locator("img[src*='get-artifact']")
        picture.wait_for()
        width = picture.evaluate("async image => { await image.decode(); return image.naturalWidth }")

        page.goto(f"{base}/#/experiments/{experiment}/runs/{run}/artifacts/report/index.html?{mode}")
        title = page.frame_locator("iframe").locator("h1").first.inner_text()
        browser.close()
    return {"matching": matching, "picture": width, "report": title, "errors": errors}


if __name__ == "__main__":
    print(json.dumps(look(*sys.argv[1:])))
