import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies_by_hand import run_by_hand

from fitscape.study.records import TrialState
from fitscape.study.tracking import entries


def whole(key: str, short: dict[str, str], more: dict[str, str]) -> str:
    """The value as it was, put together again from what MLflow got."""
    parts = [more[f"{key}.part{n}"] for n in range(1, len(more) + 1) if f"{key}.part{n}" in more]
    return "".join(parts) or short[key]


@given(value=st.text(max_size=50).map(lambda text: text * 400))
def test_a_value_of_any_length_can_be_read_back_whole(value):
    """Row 42."""
    short, more = entries.params({"note": value})
    assert len(short["note"]) <= entries.PARAM_LIMIT
    assert all(len(text) <= entries.TAG_LIMIT for text in more.values())
    assert whole("note", short, more) == value


@given(keys=st.sets(st.text(min_size=1, max_size=400), max_size=5))
def test_any_keys_become_valid_stay_distinct_and_are_told(keys):
    """Row 42."""
    short, more = entries.params(dict.fromkeys(keys, "x"))
    assert len(short) == len(keys)
    for key in short:
        assert re.fullmatch(r"[A-Za-z0-9_.\-]{1,250}", key)
    told = {more[f"key.{key}"] for key in short if f"key.{key}" in more}
    assert told | short.keys() >= keys


def test_a_good_key_and_value_stay_as_they_are():
    assert entries.params({"lr": 0.1}) == ({"lr": "0.1"}, {})


@pytest.mark.parametrize(("key", "value"), [("note", "x" * 7000), ("a@b", "1"), ("..", "1"), ("text", "é" * 70_000)])
def test_mlflow_takes_what_was_sanitised_and_gives_it_back(server, ledger, ship, key, value):
    """Row 42, against the real server."""
    trial_id = run_by_hand(ledger, end=None)
    ledger.end_trial(trial_id, TrialState.FAILED, value, **{key: value})
    assert ship().empty
    (run,) = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "trial"]
    tags = run["tags"]
    stored = next((k.removeprefix("key.") for k, v in tags.items() if v == f"extra.{key}"), f"extra.{key}")
    assert whole(stored, tags, tags) == value
    assert whole("message", tags, tags) == value


@pytest.mark.parametrize(("length", "split"), [(6000, False), (6001, True)])
def test_a_param_is_split_from_the_first_character_that_mlflow_would_cut(length, split):
    short, more = entries.params({"note": "x" * length})
    assert bool(more) == split
    assert whole("note", short, more) == "x" * length
    assert (short["note"] == "x" * length) != split


@pytest.mark.parametrize(("length", "split"), [(8000, False), (8001, True)])
def test_a_tag_is_split_from_the_first_character_that_mlflow_would_cut(length, split):
    assert ("note.part1" in entries.tags({"note": "x" * length})) == split
