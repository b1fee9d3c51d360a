"""A sampler of the user's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from own_code import write

from fitscape.study.config import Range, SearchConfig, StudyConfig
from fitscape.study.plugins import code_of, install
from fitscape.study.search.asker import Asker

SAMPLER = """
from optuna.samplers import RandomSampler
def make(space, *, chance_error, classes, seed):
    assert list(space) == ["width"] and chance_error == 0.9 and classes == 10
    return RandomSampler(seed=seed)
"""


@pytest.fixture(autouse=True)
def _nothing_installed() -> Iterator[None]:
    yield
    install(None)


def test_a_sampler_of_one_s_own_is_asked(tmp_path: Path) -> None:
    write(tmp_path, my_sampler=SAMPLER)
    config = StudyConfig(
        name="own",
        plugins=(str(tmp_path / "my_sampler.py"),),
        space={"width": Range(low=0.1, high=1)},
        search=SearchConfig(sampler="my_sampler.py:make", trials=3),
    )
    install(code_of(config))
    asker = Asker(config, chance_error=0.9, classes=10)
    suggested = [asker.ask() for _ in range(4)]
    assert [s.origin if s else None for s in suggested] == ["my_sampler.py:make"] * 3 + [None]
