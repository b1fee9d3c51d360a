"""A run that ends once enough of its space is decided, and says how far it is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.statistics.comparisons import Plant, plant_study
from fitscape.study.config import StudyConfig
from fitscape.study.maps.prospect import Shares
from fitscape.study.scheduling import goal
from fitscape.study.scheduling.goal import Goal, outlook_in_words
from fitscape.study.scheduling.interruption import Interruption


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudyConfig]:
    folder = tmp_path_factory.mktemp("planted") / "study"
    with plant_study(folder, "study", Plant(trials=24), 1) as made:
        return folder, made.config


def looked(
    study: tuple[Path, StudyConfig], decided: float, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Interruption]:
    """What the last look of a run says, whose 24 trials have ended, with 12 left of 30 s each on two slots."""
    folder, config = study
    monkeypatch.setattr(goal, "LOOK_EVERY", 0.0)
    search = config.search.model_copy(update={"until": SimpleNamespace(decided=decided)})
    outlook: Any = SimpleNamespace(left=12, fit=12, seconds=lambda trials: 15.0 * trials)
    said, interruption = list[str](), Interruption()
    with Goal(config.model_copy(update={"search": search}), folder, outlook, interruption, said.append).pursued():
        pass
    (sentence,) = said
    return sentence, interruption


def test_a_share_that_is_reached_ends_the_run_with_what_is_there(
    study: tuple[Path, StudyConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence, interruption = looked(study, 0.05, monkeypatch)
    assert interruption.wound_up
    assert "which reaches the goal" in interruption.reason
    assert sentence.endswith("and the goal was 5 %")


def test_one_that_is_not_goes_on_and_says_what_it_expects(
    study: tuple[Path, StudyConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence, interruption = looked(study, 0.97, monkeypatch)
    assert not interruption.requested
    assert "of the space has one regime" in sentence
    assert "the 12 trials that are left (3 min) bring the undecided share from" in sentence


AHEAD, CURVE = [10, 20, 40], [0.6, 0.8, 0.95]


def said(**changed: Any) -> str:
    facts: dict[str, Any] = {
        "now": Shares(0.46, 0.3), "goal": 0.9, "reach": 0.98, "ended": 20, "ahead": AHEAD, "curve": CURVE, "left": 40,
        "fit": 20, "seconds": lambda trials: 60.0 * trials,
    }  # fmt: skip
    return outlook_in_words(**{**facts, **changed})


def test_the_way_to_the_goal_is_between_the_numbers_that_were_looked_at() -> None:
    assert (
        "46 % of the space has one regime, 30 % has two possible ones; 90 % needs about 34 more trials, 34 min"
        in said()
    )
    assert "of which this study has 30 (--trials raises that)" in said(left=30)
    assert "90 % needs more than 40 more trials" in said(curve=[0.5, 0.6, 0.7])


def test_what_the_time_allows_is_said_with_its_interval() -> None:
    text = said()
    assert "the 20 trials that its time allows (20 min) bring the undecided share from 54 to about 20 %" in text
    assert "the 20 trials that are left (20 min)" in said(left=20)
    assert "time allows" not in said(fit=7), "nothing is said of a number that was not looked at"


def test_a_validation_set_that_cannot_get_there_is_named_with_what_it_can() -> None:
    text = said(reach=0.84)
    assert "the validation images allow about 84 % at most, so 90 % is out of reach" in text
    assert "needs about" not in text


def test_without_times_only_trials_are_counted() -> None:
    assert "34 more trials;" in said(seconds=lambda trials: None)
