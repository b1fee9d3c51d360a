"""Every page of docs/how-to does what it says. Their ``fitscape run`` stops before Ray, but for the slow tests."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from outputs import alike, printed, quickstart, shown
from pages import REPOSITORY, blocks, change, copy_packages, follow
from PIL import Image

HOW_TO = REPOSITORY / "docs/how-to"


def pets(folder: Path) -> None:
    """Sixty pictures of two kinds, three of them broken."""
    rng = np.random.default_rng(0)
    for kind, brightness in (("cat", 60), ("dog", 160)):
        (folder / "pets" / kind).mkdir(parents=True)
        for i in range(30):
            pixels = np.clip(rng.normal(brightness, 40, (40, 48, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "pets" / kind / f"{i:03}.png")
    (folder / "pets/dog/broken.jpg").write_bytes(b"no picture")
    (folder / "pets/cat/half.png").write_bytes((folder / "pets/cat/000.png").read_bytes()[:900])
    (folder / "pets/cat/empty.gif").touch()


# What each page begins with, and something that it must have said in the end.
PAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "bring-an-image-folder": (pets, "would run regimes with 4 trials"),
    "read-runs-that-exist": (copy_packages, "study.enqueue_trial({'max_depth':"),
    "fine-tune": (lambda folder: None, "would run tuned with 4 trials"),
    "add-a-search-space": (copy_packages, "would run noise with 6 trials"),
    "add-a-recipe": (copy_packages, "would run rates with 8 trials"),
    "add-a-model": (copy_packages, "vgg        depths 11, 13"),
    "bring-your-own-code": (lambda folder: None, "would run forest with 16 trials"),
    "log-clean-errors": (lambda folder: None, "'gap_artefact': "),
    "use-the-sampler": (lambda folder: None, "fitscape-runs/trees"),
    "add-a-data-set": (copy_packages, "would run early_overfit with 4 trials"),
}


FOR_REAL = {"read-runs-that-exist", "use-the-sampler"}  # their commands are not cut short
QUICK = [page for page in PAGES if page not in FOR_REAL]
STUDIES = [page for page in PAGES if page != "log-clean-errors"]  # which runs none


@pytest.mark.ci
@pytest.mark.parametrize("page", QUICK)
def test_a_page_does_what_it_says(page: str, tmp_path: Path) -> None:
    prepare, said = PAGES[page]
    prepare(tmp_path)
    assert said in follow(HOW_TO / f"{page}.md", tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", STUDIES)
def test_the_studies_of_a_page_run(page: str, tmp_path: Path) -> None:
    PAGES[page][0](tmp_path)
    said = follow(HOW_TO / f"{page}.md", tmp_path, for_real=True)
    if page == "bring-an-image-folder":
        assert "3 of 63 files cannot be read and are left out: cat/empty.gif: " in said
    assert list(tmp_path.glob("fitscape-runs/*/report/index.html")), said


def test_a_study_looks_as_its_page_shows_it(tmp_path: Path) -> None:
    quickstart(tmp_path)
    found, told = printed(tmp_path), shown()
    assert len(found) == len(told) > 5
    other = [pair for pair in zip(found, told, strict=True) if not alike(*pair)]
    assert other == [], "make outputs, and look whether the change was meant"


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("good  0.510\n", "good 0.512", True),
        ("n 13, 'good'", "n 13 'good'", True),
        ("n 13", "n 14", False),
        ("good 0.51", "good 0.54", False),
        ("good 0.51", "bad 0.51", False),
        ("good", "good 1", False),
        ("p 0.0001", "p 0.0049", False),
        ("p 0.0001", "p 0.0002", True),
        ("share 0.01", "share 0.02", True),
        ("share 0.01", "share 0.03", False),
        ("parameters 1.52e+06", "parameters 1.53e+06", True),
    ],
)
def test_outputs_are_compared_by_words_and_numbers(left: str, right: str, same: bool) -> None:
    assert alike(left, right) is same


def test_no_page_is_left_out() -> None:
    assert {path.stem for path in HOW_TO.glob("*.md")} == {"index", "look-at-a-study", *PAGES}
    linked = (HOW_TO / "index.md").read_text()
    assert all(f"({page}.md)" in linked for page in ("look-at-a-study", *PAGES))


def test_a_page_that_has_rotted_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\nfalse | true\n```\n")
    with pytest.raises(AssertionError, match="false"):
        follow(page, tmp_path)
    (tmp_path / "list.py").write_text("A = 1\nB = 2\n")
    change(tmp_path / "list.py", " A = 1\n-B = 2\n+B = 3\n")
    assert (tmp_path / "list.py").read_text() == "A = 1\nB = 3\n"
    with pytest.raises(AssertionError, match=r"list\.py does not hold"):
        change(tmp_path / "list.py", "-B = 2\n+B = 4\n")


def test_blocks_are_read_with_their_names_and_without_the_lists_indentation(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '1. Write\n\n    ```python title="a/b.py"\n    if True:\n        pass\n    ```\n\n```text\nfree\n```\n'
    )
    first, second = blocks(page)
    assert (first.language, first.title, first.text) == ("python", "a/b.py", "if True:\n    pass\n")
    assert (second.language, second.title, second.text) == ("text", "", "free\n")
