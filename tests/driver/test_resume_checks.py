"""What stops a resume, and what does not."""

from pathlib import Path
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
    [("search.trials", 9), ("resources.max_attempts", 9), ("tracking.experiment", "other"), ("description", "x")],
)
def test_what_only_says_how_trials_run_may_change(path: str, value: Any) -> None:
    assert not list(config_changes(BEFORE, changed(path, value)))


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


def test_the_workarounds_are_in_the_hash_of_trial_code() -> None:
    root = Path(provenance.__file__).parents[2]
    parts = [root / part for part in provenance.TRIAL_CODE]
    for file in ("models/workarounds.py", "study/scheduling/ray_patches.py"):
        assert (root / file).is_file()
        assert any(part in (root / file, *(root / file).parents) for part in parts)


def test_another_commit_with_the_same_trial_code_is_no_change() -> None:
    refuse((BEFORE, {**FACTS, "code": {**FACTS["code"], "commit": "y"}}))
