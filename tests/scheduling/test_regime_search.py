"""The Searcher for Ray Tune, as Tune calls it. Its how-to page lets Tune do so."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from ray import tune
from ray.tune.search import ConcurrencyLimiter, Searcher, SearchGenerator

import fitscape
from fitscape.study.errors import UserError

SPACE = {"lr": tune.loguniform(1e-3, 1.0), "net": {"width": tune.randint(4, 33)}, "epochs": 3}
Result = Callable[[dict[str, Any]], dict[str, Any]]


def searching(**given: Any) -> fitscape.RegimeSearch:
    searcher = fitscape.RegimeSearch(chance_error=0.9, seed=0, **given)
    assert searcher.set_search_properties("val_error", "min", SPACE)
    return searcher


def study(searcher: fitscape.RegimeSearch) -> optuna.Study:
    assert searcher._study is not None
    return searcher._study


def run(searcher: Searcher, names: range, result: Result) -> list[dict[str, Any]]:
    configs = []
    for number in names:
        config = searcher.suggest(f"t{number}")
        assert config is not None
        configs.append(config)
        searcher.on_trial_complete(f"t{number}", result(config))
    return configs


def errors(config: dict[str, Any]) -> dict[str, Any]:
    if config["lr"] > 0.3:
        return {"train_error": math.nan, "val_error": 0.9}
    train = min(0.9, 0.02 / config["lr"])
    return {"train_error": train, "val_error": min(0.9, train + config["net"]["width"] / 100), "val_n": 500}


def test_it_learns_what_diverged_and_what_failed_says_nothing() -> None:
    searcher = searching()
    configs = run(searcher, range(20), errors)
    trials = study(searcher).trials
    for config, trial in zip(configs, trials, strict=True):
        assert trial.user_attrs.get("diverged", False) is (config["lr"] > 0.3)
        assert trial.state is (TrialState.FAIL if config["lr"] > 0.3 else TrialState.COMPLETE)
    assert any(t.user_attrs.get("diverged") for t in trials)
    assert {t.user_attrs.get("val_n") for t in trials if t.state is TrialState.COMPLETE} == {500}
    searcher.suggest("crash")
    searcher.on_trial_complete("crash", {"train_error": 0.5, "val_error": 0.5}, error=True)
    assert study(searcher).trials[-1].state is TrialState.FAIL
    assert "diverged" not in study(searcher).trials[-1].user_attrs
    searcher.suggest("said")
    searcher.on_trial_complete("said", {"train_error": 0.5, "val_error": 0.5, "diverged": True}, error=True)
    assert study(searcher).trials[-1].user_attrs["diverged"] is True


def test_nested_spaces_first_points_and_names_of_ones_own() -> None:
    first = {"lr": 0.01, "net": {"width": 7}}
    searcher = searching(points_to_evaluate=[first], train_error="tr", val_error="va")
    assert searcher.suggest("t0") == first
    searcher.on_trial_complete("t0", {"tr": 0.1, "va": 0.2})
    assert study(searcher).trials[0].values == [0.1, 0.2]
    config = searcher.suggest("t1")
    assert config is not None
    assert 4 <= config["net"]["width"] <= 32
    assert not searcher.set_search_properties(None, None, SPACE)


def test_what_was_learned_is_saved_without_code_and_goes_on(tmp_path: Path) -> None:
    searcher = searching()
    run(searcher, range(14), errors)
    config = searcher.suggest("running")
    searcher.save(str(tmp_path / "state"))
    assert json.loads((tmp_path / "state").read_text())["trials"]
    again = fitscape.RegimeSearch(chance_error=0.9, seed=0)
    again.restore(str(tmp_path / "state"))
    assert [t.values for t in study(again).trials] == [t.values for t in study(searcher).trials]
    again.on_trial_complete("running", errors(config or {}))
    assert all(t.state.is_finished() for t in study(again).trials)
    run(again, range(14, 17), errors)
    memory = study(again).sampler._memory
    assert memory is not None
    assert len(memory.points) == 17  # what the last ask knew


def test_tune_drives_saves_and_restores_it(tmp_path: Path) -> None:
    """As Tune's loop does, behind its limiter; a first trial diverges, a second runs when all is saved."""

    def behind(searcher: Searcher) -> SearchGenerator:
        return SearchGenerator(ConcurrencyLimiter(searcher, max_concurrent=2))

    generator = behind(fitscape.RegimeSearch(chance_error=0.9, seed=0))
    assert generator.set_search_properties("val_error", "min", SPACE)
    asked = [generator.searcher.suggest(name) for name in ("t0", "t1", "t2")]
    assert asked[2] is None
    generator.on_trial_complete("t0", {"train_error": math.nan, "val_error": 0.9})
    generator.save_to_dir(str(tmp_path), "session")
    searcher = fitscape.RegimeSearch(chance_error=0.9, seed=0)
    again = behind(searcher)
    again.restore_from_dir(str(tmp_path))
    again.on_trial_complete("t1", {"train_error": 0.1, "val_error": 0.2})
    first, second = study(searcher).trials
    assert first.user_attrs["diverged"] is True
    assert second.values == [0.1, 0.2]
    assert again.searcher.suggest("t3") is not None


def test_what_it_cannot_search_is_said() -> None:
    with pytest.raises(UserError, match="param_space: nothing to search"):
        fitscape.RegimeSearch(chance_error=0.9).set_search_properties(None, None, {"lr": 0.1})
    with pytest.raises(UserError, match="RegimeSearch: has no space"):
        fitscape.RegimeSearch(chance_error=0.9).suggest("t0")
    searcher = searching()
    searcher.suggest("t0")
    with pytest.raises(UserError, match="val_error: 12 is not an error rate"):
        searcher.on_trial_complete("t0", {"train_error": 0.1, "val_error": 12.0})
