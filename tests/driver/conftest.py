"""Studies in a folder of the test."""

from collections.abc import Callable
from pathlib import Path

import pytest
from drivers import Drivers

from fitscape.study.config import StudyConfig


@pytest.fixture
def new_drivers(tmp_path: Path) -> Callable[[StudyConfig], Drivers]:
    return lambda config: Drivers(tmp_path, config)
