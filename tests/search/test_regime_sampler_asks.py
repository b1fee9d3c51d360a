"""What the boundary-seeking sampler asks: the best of its candidates, from a fit that is renewed beside the asks."""

import pickle
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from searches import SPACE, finish, make_sampler, search

from fitscape.study.maps.encoding import row_of
from fitscape.study.search import regime_sampler
from fitscape.study.search.regime_sampler import CANDIDATES


def scored(monkeypatch: pytest.MonkeyPatch, best: int) -> None:
    """Let one candidate score best, whatever the model says of it."""

    def score(belief: Any, views: Any, beliefs: Any) -> np.ndarray:
        return -np.abs(np.arange(len(beliefs.val_mean) - belief.split) - best).astype(float)

    for name in ("straddle", "targeted"):
        monkeypatch.setattr(f"fitscape.study.search.regime_sampler.{name}", score)


def test_candidates_are_a_sobol_design_and_the_best_of_them_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = make_sampler()
    study = search(13, sampler)
    scored(monkeypatch, best=7)
    asked = study.ask(SPACE).params
    memory = sampler._memory
    assert memory is not None
    assert asked == row_of(memory.fresh, 7)
    spread = memory.encoder.to_unit(memory.fresh)
    for column in spread.T[:2]:
        counts = np.bincount((column * 64).astype(int), minlength=64)
        assert counts.tolist() == [len(spread) // 64] * 64, "as even as only a design is"


def test_a_configuration_that_scores_best_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = make_sampler()
    study = search(13, sampler)
    scored(monkeypatch, best=CANDIDATES + 2)
    asked = study.ask(SPACE).params
    memory = sampler._memory
    assert memory is not None
    assert asked == memory.points[memory.tried[2]]
    assert asked in [trial.params for trial in study.trials[:-1]]


def test_the_unit_of_the_cost_changes_nothing() -> None:
    def asked(unit: float) -> list[dict[str, Any]]:
        def cost(points: Sequence[dict[str, Any]]) -> np.ndarray:
            return np.array([unit * (1 + point["depth"]) for point in points])

        return [trial.params for trial in search(15, make_sampler(cost=cost)).trials]

    assert asked(1.0) == asked(1024.0)


def test_asks_go_on_while_a_refit_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, begun = threading.Event(), threading.Event()
    optimize = regime_sampler.Fields.optimize

    def slow(self: Any, **given: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            assert go_on.wait(60)
        optimize(self, **given)

    sampler = make_sampler(beside=20)
    study = search(20, sampler)
    monkeypatch.setattr(regime_sampler.Fields, "optimize", slow)
    for _ in range(10):
        finish(study, study.ask(SPACE))
    assert begun.is_set()
    memory = sampler._memory
    assert memory is not None
    assert memory.belief is not None
    assert memory.belief.n >= 29 > memory.fitted_n, "what ended meanwhile counts all the same"
    before = memory.fitted_n
    refit = memory.refit
    assert refit is not None
    assert pickle.loads(pickle.dumps(sampler)) is not None
    go_on.set()
    refit.join(60)
    finish(study, study.ask(SPACE))
    assert memory.fitted_n > before


def test_a_refit_that_fails_fails_the_ask_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = make_sampler(beside=20)
    study = search(20, sampler)

    def broken(self: Any, **given: Any) -> None:
        raise ArithmeticError("no such luck")

    monkeypatch.setattr(regime_sampler.Fields, "optimize", broken)

    def go_on() -> None:
        for _ in range(20):
            finish(study, study.ask(SPACE))
            if sampler._memory is not None and sampler._memory.refit is not None:
                sampler._memory.refit.join(10)

    with pytest.raises(ArithmeticError):
        go_on()
