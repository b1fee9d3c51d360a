"""What stops a resume, and what does not."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from drivers import small_study

from fitscape.study.config import StudyConfig
from fitscape.study.driver import provenance
from fitscape.study.driver.resume_checks import config_changes, require_unchanged
from fitscape.study.errors import StudyChanged

BEFORE = small_study("s", trials=4, epochs=2)
FACTS: dict[str, Any] = {
    "data_fingerprint": "aa",
    "code": {"fitscape": "1", "trial_code": "cc", "torch": "2", "commit": "x"},
}


def changed(path: str, value: Any) -> StudyConfig:
    """The study with one value replaced, by its dotted path."""
    document = BEFORE.model_dump(mode="json")
    *sections, key = path.split(".")
    part = document
    for section in sections:
        part = part[section]
    part[key] = value
    return StudyConfig.model_validate(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("base.optimization.epochs", 3),
        ("space.lr.high", 0.5),
        ("search.sampler", "random"),
        ("search.seed", 1),
        ("search.trials", 3),
        ("data.split_seed", 1),
        ("regimes.tau", 0.1),
        ("resources.precision", "bf16"),
    ],
)
def test_a_value_that_decides_results_is_named_with_both_sides(path: str, value: Any) -> None:
    (line,) = config_changes(BEFORE, changed(path, value))
    assert line.startswith(f"{path} was ")
    assert line.endswith(f"is {value}")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("search.trials", 9),
        ("search.until", {"decided": 0.8}),
        ("resources.max_attempts", 9),
        ("tracking.experiment", "other"),
        ("description", "x"),
    ],
)
def test_what_only_says_how_trials_run_may_change(path: str, value: Any) -> None:
    assert not list(config_changes(BEFORE, changed(path, value)))


FREE = ("description", "plugins", "resources.", "tracking.", "search.until")  # and nothing else, whatever is added


def leaves(value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*at, key))
    else:
        yield at


@pytest.mark.parametrize("path", leaves(BEFORE.model_dump(mode="json")), ids=".".join)
def test_every_value_of_a_study_is_compared_but_those_that_are_free(path: tuple[str, ...]) -> None:
    document = BEFORE.model_dump(mode="json")
    part = document
    for section in path[:-1]:
        part = part[section]
    part[path[-1]] = 0 if path == ("search", "trials") else "another"
    now: Any = SimpleNamespace(model_dump=lambda mode: document)
    key = ".".join(path)
    free = key.startswith(FREE) and key != "resources.precision"
    assert [line.partition(" was ")[0] for line in config_changes(BEFORE, now)] == ([] if free else [key])


def test_a_hyperparameter_that_comes_or_goes_is_named() -> None:
    wider = changed("space", {**BEFORE.model_dump(mode="json")["space"], "width": {"choices": [0.25, 0.5]}})
    assert list(config_changes(BEFORE, wider)) == ["space.width.choices was nothing, is [0.25, 0.5]"]
    assert list(config_changes(wider, BEFORE)) == ["space.width.choices was [0.25, 0.5], is nothing"]


def refuse(now: tuple[StudyConfig, dict[str, Any]], *allow: str) -> None:
    require_unchanged((BEFORE, FACTS), now, allow=frozenset(allow), where="runs/s")


def test_every_kind_of_change_is_shown_and_can_be_accepted_by_name() -> None:
    facts = {"data_fingerprint": "bb", "code": {**FACTS["code"], "trial_code": "dd"}}
    now = changed("search.seed", 1), facts
    with pytest.raises(StudyChanged) as caught:
        refuse(now)
    text = str(caught.value)
    assert "config: search.seed was 0, is 1" in text
    assert "data: data_fingerprint was aa, is bb" in text
    assert "code: trial_code was cc, is dd" in text
    assert "--allow config,data,code" in text
    refuse(now, "config", "data", "code")
    with pytest.raises(StudyChanged, match="--allow data"):
        refuse(now, "config", "code")


@pytest.mark.parametrize("what", ["fitscape", "trial_code", "torch"])
def test_each_version_that_decides_numbers_is_compared(what: str) -> None:
    with pytest.raises(StudyChanged, match=f"code: {what} was {FACTS['code'][what]}, is another"):
        refuse((BEFORE, {**FACTS, "code": {**FACTS["code"], what: "another"}}))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package's rooms."""
    root = tmp_path_factory.mktemp("sources")
    there = Path(provenance.__file__).parents[2]
    for room in ("models", "search_spaces", "study"):
        shutil.copytree((there / room).resolve(), root / room, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.mark.parametrize(
    ("file", "decides"),
    [
        ("models/build.py", True),
        ("models/workarounds.py", True),
        ("study/data/splits.py", True),
        ("study/data/datasets/cifar.py", True),
        ("study/training/loop.py", True),
        ("study/config/trial.py", True),
        ("study/records.py", True),
        ("study/scheduling/ray_patches.py", True),
        ("study/scheduling/worker.py", False),
        ("study/report/wording.py", False),
        ("study/cli/run.py", False),
    ],
)
def test_the_hash_of_trial_code_is_of_every_file_that_decides_numbers(
    sources: Path, monkeypatch: pytest.MonkeyPatch, file: str, decides: bool
) -> None:
    monkeypatch.setattr(provenance, "__file__", str(sources / "study" / "driver" / "provenance.py"))
    before, text = provenance.trial_code(), (sources / file).read_text()
    (sources / file).write_text(text + "\n# edited")
    try:
        assert (provenance.trial_code() != before) is decides
    finally:
        (sources / file).write_text(text)
    assert provenance.trial_code() == before


def test_the_workarounds_are_in_the_hash_of_trial_code() -> None:
    root = Path(provenance.__file__).parents[2]
    parts = [root / part for part in provenance.TRIAL_CODE]
    for file in ("models/workarounds.py", "study/scheduling/ray_patches.py"):
        assert (root / file).is_file()
        assert any(part in (root / file, *(root / file).parents) for part in parts)


def test_facts_that_were_written_and_read_are_no_change() -> None:
    refuse((BEFORE, json.loads(json.dumps(FACTS))))


def test_another_commit_with_the_same_trial_code_is_no_change() -> None:
    refuse((BEFORE, {**FACTS, "code": {**FACTS["code"], "commit": "y"}}))
