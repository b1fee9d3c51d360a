"""No test leaves a user's code behind in its process."""

from collections.abc import Iterator

import pytest

from fitscape.study.plugins import install


@pytest.fixture(autouse=True)
def _nothing_installed() -> Iterator[None]:
    yield
    install(None)
