"""Where the boundary-seeking sampler goes: to changes of regime, evenly at first, and past what is under way."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from searches import CUTS, SPACE, make_sampler, outcome, points, search

from fitscape.study.maps.encoding import Encoder
from fitscape.study.search import RegimeSampler


@pytest.fixture(scope="module")
def searched() -> optuna.Study:
    """Eighty trials."""
    return search(80, make_sampler())


def test_it_goes_to_the_boundaries(searched: optuna.Study) -> None:
    """After the start, trials lie nearer to a change of regime than Sobol points do."""
    encoder = Encoder(SPACE)
    dense = encoder.from_unit(encoder.sobol(4096, seed=1))
    told = [outcome(p) for p in dense.to_dict("records")]
    train, val = np.array([t[0] for t in told]).T
    labels = CUTS.labels(train, val, np.array([t[1] for t in told]))
    features = encoder.features(dense)

    def distance(found: np.ndarray) -> float:
        squares = ((found[:, None] - features[None]) ** 2).sum(2)
        own = labels[squares.argmin(1)]
        return float(np.mean([np.sqrt(row[labels != label].min()) for row, label in zip(squares, own, strict=True)]))

    found = points(searched)[12:60]
    assert distance(found) < 0.75 * distance(encoder.features(dense.iloc[:60]))


def test_the_start_is_a_sobol_design_over_every_hyperparameter(searched: optuna.Study) -> None:
    encoder = Encoder(SPACE)
    started = encoder.to_unit(pd.DataFrame([t.params for t in searched.trials[:12]]))
    for column in started.T[:2]:
        assert set((column * 4).astype(int)) == {0, 1, 2, 3}
    assert len(set(started[:, 3])) == 2


def test_equal_seeds_give_equal_searches_and_others_do_not() -> None:
    a, b, c = (points(search(18, make_sampler(seed))) for seed in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_reseeding_makes_workers_differ() -> None:
    samplers = [make_sampler(5), make_sampler(5)]
    samplers[1].reseed_rng()
    a, b = (points(search(16, s)) for s in samplers)
    assert not np.array_equal(a, b)


def test_pending_trials_are_avoided() -> None:
    study = search(30, make_sampler())
    asked = [study.ask(SPACE).params for _ in range(8)]
    found = Encoder(SPACE).features(pd.DataFrame(asked))
    gaps = np.sqrt(((found[:, None] - found[None]) ** 2).sum(2))[np.triu_indices(8, 1)]
    assert gaps.min() > 0.02


def test_it_stays_out_of_the_diverged_region(searched: optuna.Study) -> None:
    late = [t.user_attrs["diverged"] for t in searched.trials[40:]]
    early = [t.user_attrs["diverged"] for t in searched.trials[:12]]
    assert np.mean(late) < max(np.mean(early), 0.1) + 0.35
    assert 0 < np.mean(late) < 0.6


@pytest.mark.parametrize("state", [TrialState.FAIL, TrialState.COMPLETE])
def test_a_diverged_trial_counts_in_any_state_but_a_failed_one_does_not(state: TrialState) -> None:
    def asked(diverged: bool) -> dict[str, Any]:
        study = search(20, make_sampler())
        values = [0.1, 0.2] if state is TrialState.COMPLETE else None
        study.add_trial(
            optuna.create_trial(
                state=state,
                values=values,
                params=study.trials[0].params,
                distributions=SPACE,
                user_attrs={"diverged": diverged},
            )
        )
        return study.ask(SPACE).params

    assert asked(True) != asked(False)


def test_the_reference_error_is_found() -> None:
    sampler = make_sampler(reference_error=None)
    search(60, sampler)
    assert sampler._memory is not None
    assert sampler._memory.belief is not None
    assert sampler._memory.belief.cuts.reference == pytest.approx(0.05, abs=0.04)


def test_a_small_discrete_space_is_repeated_under_seed_noise() -> None:
    space: dict[str, BaseDistribution] = {"blocks": IntDistribution(1, 4), "norm": SPACE["norm"]}
    study = optuna.create_study(directions=["minimize"] * 2, sampler=make_sampler(space=space))
    rng = np.random.default_rng(0)
    for _ in range(30):
        trial = study.ask(space)
        val = 0.15 + 0.01 * trial.params["blocks"] + rng.normal(0, 0.03)
        study.tell(trial, [0.02, val])
    seen = [tuple(t.params.values()) for t in study.trials]
    assert len(set(seen)) < len(seen)


def test_what_is_learned_is_weighed_against_what_it_costs() -> None:
    """Of two families that are alike, the one that costs eight times as much is asked for less."""
    space = {"family": CategoricalDistribution(["cheap", "dear"]), "x": FloatDistribution(0, 1)}

    def cost(points: Sequence[dict[str, Any]]) -> np.ndarray:
        return np.array([8.0 if point["family"] == "dear" else 1.0 for point in points])

    def dear(given: Any) -> int:
        study = optuna.create_study(
            directions=["minimize"] * 2,
            sampler=RegimeSampler(space, chance_error=0.9, reference_error=0.02, seed=3, cost=given),
        )
        for _ in range(32):
            trial = study.ask(dict(space))
            val = 0.02 + 0.6 * trial.params["x"] ** 2
            study.tell(trial, [val / 3, val])
        return sum(t.params["family"] == "dear" for t in study.trials[12:])

    assert dear(cost) < dear(None)
    assert dear(lambda points: None) == dear(None), "nothing is known of it"
