"""What this machine lacks for a test: skipped on a person's machine, which need not have everything, an error in CI."""

import os
from typing import NoReturn

import pytest


def lacking(what: str) -> NoReturn:
    """Leave the test. With $CI set it fails: there a test that never runs would be noticed by nobody."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must have it: {what}", pytrace=False)
    pytest.skip(what)
