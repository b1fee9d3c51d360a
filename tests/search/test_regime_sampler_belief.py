"""The sampler's cached belief and what it makes of it."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.error_models import Fields, Outcomes
from fitscape.study.search.regime_sampler_acquisition import straddle, targeted
from fitscape.study.search.regime_sampler_belief import SamplerBelief

CUTS = Cuts(0.9, 0.05, 0.1)
SPLIT = 60


def outcomes(x: np.ndarray) -> Outcomes:
    """One boundary each way: good below x0 = 0.5, overfit above, diverged beyond x1 = 0.8."""
    n = len(x)
    val = expit(-2.1 + 6 * (x[:, 0] - 0.5))
    zeros = np.zeros(n)
    return Outcomes(np.full(n, 0.01), val, x[:, 1] > 0.8, zeros, zeros + 1000, zeros)


def make(n: int, pool: np.ndarray) -> SamplerBelief:
    x = np.random.default_rng(1).random((n, 2))
    fields = Fields(CUTS, x, outcomes(x))
    fields.optimize(steps=20)
    return SamplerBelief(fields, pool, SPLIT)


@pytest.fixture
def pool() -> np.ndarray:
    return np.random.default_rng(0).random((SPLIT + 200, 2))


def test_a_grown_belief_equals_one_built_anew(pool: np.ndarray) -> None:
    grown = make(20, pool)
    for point in np.random.default_rng(2).random((90, 2)):
        grown.append(point, outcomes(point[None]))
    anew = SamplerBelief(grown.fields, pool, SPLIT)
    pending = np.random.default_rng(3).random((3, 2))
    for mine, theirs in zip(grown.views(pending), anew.views(pending), strict=True):
        for name in ("mean", "variance", "cross", "information"):
            np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), rtol=1e-4, atol=1e-7)


def test_the_view_is_the_fields_own_prediction(pool: np.ndarray) -> None:
    belief = make(30, pool)
    val, train, _ = belief.views(np.zeros((0, 2)))
    for view, field in ((val, belief.fields.val), (train, belief.fields.train)):
        mean, sd = field.predict(pool)
        np.testing.assert_allclose(view.mean, mean)
        np.testing.assert_allclose(view.variance, sd**2, rtol=1e-6)


def test_pending_trials_lower_the_variance_and_leave_the_mean(pool: np.ndarray) -> None:
    belief = make(30, pool)
    before, after = belief.views(np.zeros((0, 2))), belief.views(pool[-2:])
    for alone, shared in zip(before, after, strict=True):
        np.testing.assert_array_equal(alone.mean, shared.mean)
        assert (shared.variance <= alone.variance + 1e-9).all()
        assert shared.variance[-1] < alone.variance[-1]


def test_a_pending_trial_counts_like_a_finished_one_for_the_variance(pool: np.ndarray) -> None:
    belief = make(30, pool)
    point = np.array([[0.3, 0.3]])
    expected = belief.val.view(point).variance
    known = float(np.mean(belief.fields.val.known)) * belief.fields.val.scale**2
    belief.val.grow(point[0], belief.fields.val.append(point[0], 0.0, known))
    np.testing.assert_allclose(belief.val.view(np.zeros((0, 2))).variance, expected, rtol=1e-6)


@pytest.mark.parametrize("acquisition", [targeted, straddle])
def test_the_best_candidate_lies_near_a_boundary(acquisition, pool: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    belief = make(40, pool)
    views = belief.views(np.zeros((0, 2)))
    score = acquisition(belief, views, belief.prediction(views))
    assert score.shape == (200,)
    best = pool[SPLIT:][np.argsort(score)[-10:]]
    near = np.minimum(np.abs(best[:, 0] - 0.5), np.abs(best[:, 1] - 0.8))
    everywhere = np.minimum(np.abs(pool[SPLIT:, 0] - 0.5), np.abs(pool[SPLIT:, 1] - 0.8))
    assert near.mean() < 0.75 * everywhere.mean()


def test_where_a_trial_runs_already_a_second_one_is_worth_less(pool: np.ndarray) -> None:
    belief = make(40, pool)
    alone = belief.views(np.zeros((0, 2)))
    best = int(np.argmax(targeted(belief, alone, belief.prediction(alone))))
    shared = belief.views(pool[SPLIT + best][None])
    assert (
        targeted(belief, shared, belief.prediction(shared))[best]
        < targeted(belief, alone, belief.prediction(alone))[best]
    )


def test_nothing_is_learned_about_errors_where_training_diverges(pool: np.ndarray) -> None:
    belief = make(60, pool)
    views = belief.views(np.zeros((0, 2)))
    beliefs = belief.prediction(views)
    score = targeted(belief, views, beliefs)
    beyond = pool[SPLIT:, 1] > 0.95
    assert score[beyond].mean() < score[~beyond].mean()


def test_the_straddle_is_the_ambiguity_about_the_nearest_relevant_boundary(pool: np.ndarray) -> None:
    """Written out for each candidate: 1.96 sd less the distance to a boundary, in units of the field's scale."""
    belief = make(30, pool)
    views = belief.views(np.zeros((0, 2)))
    beliefs = belief.prediction(views)
    val, train = belief.fields.val, belief.fields.train
    expected = []
    for i in range(SPLIT, len(pool)):
        vm, vs, tm, ts = (getattr(beliefs, name)[i] for name in ("val_mean", "val_sd", "train_mean", "train_sd"))
        steepness = float(CUTS.z_half(np.array([vm + 1e-5]))[0] - CUTS.z_half(np.array([vm - 1e-5]))[0]) / 2e-5
        finite = 1 - beliefs.p_diverged[i]
        learned = finite * norm.cdf((CUTS.z_untrained - tm) / ts)
        past = learned * norm.cdf((vm - CUTS.z_good) / vs)
        half_sd = np.hypot(ts, steepness * vs)
        half = float(CUTS.z_half(np.array([vm]))[0])
        cliff_sd = np.sqrt(views[2].variance[i])
        boundaries = [
            (past, (1.96 * half_sd - abs(tm - half)) / np.hypot(val.scale, train.scale)),
            (learned, (1.96 * vs - abs(vm - CUTS.z_good)) / val.scale),
            (finite, (1.96 * ts - abs(tm - CUTS.z_untrained)) / train.scale),
            (1.0, (1.96 * cliff_sd - abs(views[2].mean[i])) / 10.0),
        ]
        expected.append(max(score for relevance, score in boundaries if relevance >= 0.25))
    np.testing.assert_allclose(straddle(belief, views, beliefs), expected, atol=5e-3)


def test_what_is_cached_of_running_trials_equals_what_is_computed_anew(pool: np.ndarray) -> None:
    """Trials begin and end in any order, one configuration runs twice, and results come in between."""
    rng, belief = np.random.default_rng(4), make(20, pool)
    running = list(rng.random((5, 2)))
    for step in range(60):
        belief.views(np.array(running))
        if step % 2:
            point = running.pop(int(rng.integers(len(running))))
            belief.append(point, outcomes(point[None]))
        running.append(running[0] if step % 10 == 0 else rng.random(2))
    anew = SamplerBelief(belief.fields, pool, SPLIT)
    pending = np.array(running)
    for mine, theirs in zip(belief.views(pending), anew.views(pending), strict=True):
        for name in ("mean", "variance", "cross", "information"):
            np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), rtol=1e-4, atol=1e-6)
