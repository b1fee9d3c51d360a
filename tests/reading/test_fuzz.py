"""Random studies: valid ones are read and come back the same, changed ones are refused in one line that names a key."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_studies import VALID, changed

from fitscape.study.config import Choices, StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.reading import parse_set, validate
from fitscape.study.reading.document import dump, parse

QUICK, MANY = (settings(max_examples=n, deadline=None) for n in (300, 2000))
PLACE = re.compile(r"^s\.yaml:(\d+): ([^:]+): ")


def refusal(read: Callable[[], object]) -> str | None:
    """The one line of a refusal; None where the text was accepted. Any other error fails the test."""
    try:
        read()
    except UserError as error:
        return str(error)
    return None


def check_changed(document: Any) -> None:
    text = dump(document)
    message = refusal(lambda: check_trials(validate(parse(text, "s.yaml"))))
    if message is None:  # still a study: then nothing of it was passed over
        assert ignored(document, validate(parse(text, "s.yaml")).model_dump(mode="json")) == []
        return
    assert "\n" not in message
    if not isinstance(document, dict):
        assert "is not a study" in message or "is empty" in message
        return
    place = PLACE.match(message)
    assert place, message
    # The key that is blamed stands on the line that is named, or is missing from the section that stands there.
    line, last = text.splitlines()[int(place[1]) - 1], re.findall(r"[^.\[\]]+", place[2])[-1]
    assert "is missing" in message or last in line or last.isdecimal(), f"{message}\n{line}"


def ignored(given: dict[str, Any], kept: dict[str, Any]) -> list[str]:
    """Keys of a document that its study does not have."""
    found = [key for key in given if key not in kept]
    for key, inner in given.items():
        if key in ("data", "base", "model", "optimization", "search", "regimes", "resources", "tracking", "space"):
            deeper = isinstance(inner, dict) and isinstance(kept.get(key), dict)
            found += ignored(inner, kept[key]) if deeper else []
    return found


def check_trials(config: StudyConfig) -> None:
    """What was accepted can be trained: every bound alone is a trial, or one choice in company."""
    assert validate(parse(dump(config.model_dump(mode="json")), "s.yaml")) == config
    coupled = {"architecture", "family", "depth", "shortcut"}
    for name, hyperparameter in config.space.items() if isinstance(config.space, dict) else ():
        for value in (
            hyperparameter.choices if isinstance(hyperparameter, Choices) else (hyperparameter.low, hyperparameter.high)
        ):
            if name not in coupled:
                whole = isinstance(config.base.flat()[name], int) and not isinstance(value, str)
                config.base.with_hyperparameters({name: int(value) if whole else value})


@QUICK
@given(VALID)
def test_a_valid_study_is_read(document: dict[str, Any]) -> None:
    config = validate(parse(dump(document), "s.yaml"))
    assert config.name == document["name"]
    check_trials(config)


@QUICK
@given(changed())
def test_a_changed_study_is_refused_by_key_or_still_one(document: Any) -> None:
    check_changed(document)


@pytest.mark.slow
@MANY
@given(VALID.map(lambda document: (document, True)) | changed().map(lambda document: (document, False)))
def test_two_thousand_studies_valid_and_changed(case: tuple[Any, bool]) -> None:
    document, valid = case
    if valid:
        validate(parse(dump(document), "s.yaml"))
    else:
        check_changed(document)


@QUICK
@given(VALID, st.integers(0, 10**6), st.integers(0, 10**6), st.text(max_size=3))
def test_damaged_text_never_raises_anything_else(document: dict[str, Any], at: int, to: int, put: str) -> None:
    text = dump(document)
    at, to = sorted((at % (len(text) + 1), to % (len(text) + 1)))
    damaged = text[:at] + put + text[min(to, at + 5) :]
    message = refusal(lambda: validate(parse(damaged, "s.yaml")))
    assert message is None or (message.startswith("s.yaml:") and "\n" not in message)


@QUICK
@given(st.text(max_size=30))
def test_any_option_text_is_read_or_refused(text: str) -> None:
    message = refusal(lambda: parse_set(text))
    assert message is None or "\n" not in message
