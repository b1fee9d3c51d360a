"""The site of docs/ builds without a warning, needs nothing from the net, and holds the API reference."""

import re
from pathlib import Path

import pytest
import yaml
from pages import REPOSITORY


def pages(site: Path) -> dict[str, str]:
    return {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*.html")}


def test_nothing_is_loaded_from_the_net(site: Path) -> None:
    loading = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//|<link\b[^>]*href=[\"']?https?:"
    )
    assert [name for name, html in pages(site).items() if loading.search(html)] == []
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert not re.search(r"url\([\"']?(?:https?:)?//|@import", styles)


def test_every_picture_and_page_that_is_named_is_there(site: Path) -> None:
    for name, html in pages(site).items():
        if name == "404.html":  # is served for any address, and so names its files from the root
            continue
        for target in re.findall(r"(?:src|href)=\"([^\"#:?]+)(?:#[^\"]*)?\"", html):
            assert (site / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_the_readme_is_the_start_and_its_picture_is_shown(site: Path) -> None:
    start = (site / "index.html").read_text()
    title = (REPOSITORY / "README.md").read_text().splitlines()[0].removeprefix("# ")
    assert f"<title>{title}</title>" in start or f'<h1 id="{title.lower()}">' in start
    assert 'src="pictures/regime_map.png"' in start


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("models", "fitscape.models.spec.ModelSpec.width"),
        ("models", "fitscape.models.build.build"),
        ("models", "fitscape.models.from_timm.network"),
        ("study", "fitscape.study.config.Optimization.lr"),
        ("study", "fitscape.study.opened.open_study"),
        ("study", "fitscape.study.opened.OpenStudy.findings"),
        ("study", "fitscape.study.table.curves"),
        ("trials", "fitscape.study.training.loop.run_trial"),
        ("trials", "fitscape.study.records.EpochRecord"),
        ("trials", "fitscape.study.regimes.labels.label"),
        ("map", "fitscape.study.maps.regime_map.RegimeMap.predict"),
        ("map", "fitscape.study.search.regime_sampler.RegimeSampler"),
    ],
)
def test_the_api_reference_holds(site: Path, page: str, name: str) -> None:
    assert f'id="{name}"' in (site / f"api/{page}.html").read_text()


def test_every_page_of_docs_is_in_the_navigation() -> None:
    text = (REPOSITORY / "mkdocs.yml").read_text()
    named = set(re.findall(r"[\w./-]+\.md", str(yaml.safe_load(text)["nav"])))
    written = {path.relative_to(REPOSITORY / "docs").as_posix() for path in (REPOSITORY / "docs").rglob("*.md")}
    assert named == written | {"index.md", "index.ko.md", "changelog.md", "contributing.md"}
