"""A cluster of two raylets."""

from collections.abc import Iterator

import pytest
from raylets import Raylets


@pytest.fixture(scope="module")
def raylets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raylets]:
    cluster = Raylets(tmp_path_factory.mktemp("raylets"))
    try:
        cluster.start()
        cluster.add()
        yield cluster
    finally:
        cluster.stop()
