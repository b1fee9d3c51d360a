"""Every named space holds valid hyperparameters only."""

import pytest

from fitscape import search_spaces
from fitscape.study.config import HYPERPARAMETERS, TrialConfig
from fitscape.study.search.designs import Random


@pytest.mark.parametrize("name", search_spaces.names())
def test_every_point_of_a_named_space_is_a_valid_trial(name: str) -> None:
    space = search_spaces.get(name)
    assert set(space) <= set(HYPERPARAMETERS)
    for i in range(50):
        TrialConfig().with_hyperparameters(Random(space).point(i))


def test_every_space_says_what_it_is_for() -> None:
    assert all(len(search_spaces.describe(name)) > 20 for name in search_spaces.names())
