"""A few timed steps of several nets."""

import pytest

from fitscape.models.spec import ModelSpec
from fitscape.study.training import timing
from fitscape.study.training.settings import Settings
from fitscape.study.training.timing import choose_and_time, time_nets

SMALL, LARGE = ModelSpec(width=0.125), ModelSpec(width=0.5)
HOPELESS = ModelSpec(width=0.125, stem="imagenet")  # too small images for it


def test_a_larger_net_takes_longer_and_an_evaluation_less_than_a_step() -> None:
    small, hopeless, large = time_nets([(SMALL, 16), (HOPELESS, 16), (LARGE, 16)], (1, 8, 8), 10, Settings())
    assert hopeless is None
    assert small is not None
    assert large is not None
    assert 0 < small[0] < large[0]
    assert small[1] < small[0]
    assert large[1] < large[0]


def test_once_time_has_run_out_no_other_net_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "TIMED_WITHIN", 0.0)
    assert time_nets([(SMALL, 16), (LARGE, 16)], (1, 8, 8), 10, Settings()) == [None, None]


def test_they_are_timed_under_what_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Settings(precision="bf16", memory_format="channels_last")
    monkeypatch.setattr(timing, "choose_settings", lambda *net, **given: chosen)
    monkeypatch.setattr(timing, "time_nets", lambda nets, shape, classes, settings: [(settings, len(nets))])
    settings, times = choose_and_time([(SMALL, 16)], spec=LARGE, input_shape=(1, 8, 8), classes=10)
    assert settings is chosen
    assert times == [(chosen, 1)]
