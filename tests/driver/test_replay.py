"""What a repeat of an adaptive search is given to draw again."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fitscape.study.config import Range, SearchConfig, StudyConfig
from fitscape.study.driver.folder import Folder, frozen
from fitscape.study.driver.replay import drawn_beside
from fitscape.study.driver.start import _create
from fitscape.study.driver.starting_weights import Pinned
from fitscape.study.ledger import REPLAY, Ledger


def study(sampler: str = "regime", **search: Any) -> StudyConfig:
    space = {"width": Range(low=0.125, high=1.0, log=True)}
    return StudyConfig(name="first", space=space, search=SearchConfig(sampler=sampler, trials=4, **search))


def written(folder: Path, config: StudyConfig) -> Path:
    """Its frozen config, with a ledger of two trials beside it."""
    with Ledger.create(folder / "ledger.db", frozen(config), {}) as ledger:
        for width, seed, origin in ((0.1 + 0.2, 0, "sobol"), (0.7, 3, "replicate")):
            trial = config.base.with_hyperparameters({"width": width, "seed": seed})
            ledger.add_trial(trial, {"width": width}, origin)
    Folder(folder).write_config(frozen(config))
    return folder / "study.yaml"


DRAWN = [({"width": 0.1 + 0.2}, 0, "sobol"), ({"width": 0.7}, 3, "replicate")]


def test_another_name_or_more_trials_are_a_repeat(tmp_path: Path) -> None:
    file = written(tmp_path, study())
    again = frozen(study()).model_copy(update={"name": "again"})
    longer = again.model_copy(update={"search": again.search.model_copy(update={"trials": 96})})
    assert drawn_beside(file, again) == drawn_beside(file, longer) == DRAWN


@pytest.mark.parametrize("sampler", ["sobol", "random"])
def test_a_design_draws_the_same_by_itself(tmp_path: Path, sampler: str) -> None:
    assert drawn_beside(written(tmp_path, study(sampler)), study(sampler)) == []


def test_what_a_draw_depends_on_makes_another_study(tmp_path: Path) -> None:
    file = written(tmp_path, study())
    assert drawn_beside(file, study(seed=1)) == []
    assert drawn_beside(file, study().model_copy(update={"data": study().data.model_copy(update={"limit": 9})})) == []
    assert drawn_beside(tmp_path / "elsewhere" / "study.yaml", study()) == []


def test_a_repeat_keeps_what_it_is_to_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitscape.study.driver.start.provenance", lambda data, weights: {})
    monkeypatch.setattr("fitscape.study.driver.start.record", lambda pinned, data: {})
    lease: Any = SimpleNamespace(claim=lambda uid: None)
    with _create(Folder(tmp_path), lease, Pinned(study()), None, DRAWN) as ledger:  # type: ignore[arg-type]
        kept = ledger.get_meta(REPLAY)
    assert [tuple(each) for each in kept] == DRAWN
