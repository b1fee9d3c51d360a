"""Lengths of time as a person writes them."""

import json

import pytest
from pydantic import ValidationError

from fitscape.study.config.duration import seconds_of, written
from fitscape.study.config.sections import ResourceConfig


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("1h30m", 5400), ("1d", 86400), ("1.5h", 5400), ("45", 45)]
)
def test_it_is_read_and_written(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds
    assert seconds_of(written(seconds)) == seconds


def test_a_config_takes_text_and_numbers_and_keeps_text() -> None:
    limit = ResourceConfig.model_validate({"time_limit": "20m"})
    assert limit.time_limit == ResourceConfig(time_limit=1200).time_limit == 1200
    assert json.loads(limit.model_dump_json())["time_limit"] == "20m"
    assert ResourceConfig.model_validate_json(limit.model_dump_json()) == limit


@pytest.mark.parametrize("wrong", ["soon", "20 minutes", "", "m", "0s", -1, 0])
def test_what_is_no_length_of_time_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        ResourceConfig.model_validate({"time_limit": wrong})
