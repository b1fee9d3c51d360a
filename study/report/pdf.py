"""The page as a PDF, printed by the Chromium of this machine."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fitscape.study.errors import UserError
from fitscape.study.files import whole_file

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WITHIN: Final = 180.0  # seconds


def to_pdf(page: Path) -> Path:
    """Print a page beside itself, as ``index.pdf``, with every figure and up to 500 trials.

    Raises:
        UserError: no Chromium is there, or it did not print.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        fix = "install chromium, or print report/index.html from a browser"
        raise UserError("needs Chromium, which is not installed", where="--pdf", fix=fix)
    to = page.with_suffix(".pdf")
    with TemporaryDirectory() as profile, whole_file(to) as partial:
        command = [
            *(browser, "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-pdf-header-footer"),
            *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium's own sandbox refuses root
            *(f"--user-data-dir={profile}", "--virtual-time-budget=60000", f"--print-to-pdf={partial}"),
            page.absolute().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)
        except subprocess.TimeoutExpired:
            raise UserError(f"Chromium did not print within {WITHIN:g} s", where=str(page)) from None
        if not partial.is_file():
            said = done.stderr.strip().splitlines()
            raise UserError(f"Chromium did not print: {said[-1] if said else done.returncode}", where=str(page))
    return to
