"""The page as a PDF, by the Chromium of the machine, and the refusal where there is none."""

import shutil
from pathlib import Path

import pytest
from lacking import lacking

from fitscape.study.errors import UserError
from fitscape.study.report import pdf

PAGE = """<!doctype html><title>t</title><p id="said">not printed</p>
<script>addEventListener("beforeprint", () => { document.body.style.height = "4000px"; });</script>"""


def test_a_page_is_printed_beside_itself_with_what_it_does_before_printing(tmp_path: Path) -> None:
    if not any(map(shutil.which, pdf.BROWSERS)):
        lacking("Chromium: apt-get install chromium")
    page = tmp_path / "index.html"
    page.write_text(PAGE)
    printed = pdf.to_pdf(page)
    assert printed == tmp_path / "index.pdf"
    raw = printed.read_bytes()
    assert raw.startswith(b"%PDF")
    assert raw.count(b"/Type /Page\n") >= 3, "it is as long as it makes itself before it is printed"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.html", "index.pdf"]


def test_without_chromium_the_refusal_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"--pdf: needs Chromium, which is not installed \(install chromium, or print"):
        pdf.to_pdf(tmp_path / "index.html")


def test_a_chromium_that_does_not_print_is_named_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chromium").write_text("#!/bin/sh\necho 'no display' >&2\nexit 1\n")
    (tmp_path / "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(UserError, match="Chromium did not print: no display"):
        pdf.to_pdf(tmp_path / "index.html")
