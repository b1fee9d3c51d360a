"""The Gaussian process behind every field."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from fitscape.study.maps.field_belief import FieldBelief
from fitscape.study.maps.gp import GaussianProcess
from fitscape.study.maps.kernel import Prior, negative_log_posterior


def data(n: int, seed: int = 0, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.random((n, 3))
    return x, np.sin(5 * x[:, 0]) + 2 * x[:, 1] + rng.normal(0, noise, n)


def test_the_gradient_is_right() -> None:
    x, y = data(25)
    prior = Prior()
    squares = (x.T[:, :, None] - x.T[:, None, :]) ** 2
    same = (np.arange(25)[:, None] // 3 == np.arange(25) // 3).astype(float)
    arguments = (prior, squares, prior.trend(x, x), same, y, np.full(25, 0.02))
    for vector in np.random.default_rng(1).normal(-0.5, 0.5, (3, 6)):
        error = check_grad(
            lambda v: negative_log_posterior(v, *arguments)[0],
            lambda v: negative_log_posterior(v, *arguments)[1],
            vector,
        )
        assert error < 1e-4


def test_it_predicts_what_it_has_not_seen_and_says_how_well() -> None:
    x, y = data(80)
    gp = GaussianProcess(x, y, np.zeros(80))
    gp.optimize()
    new, truth = data(400, seed=1, noise=0.0)
    mean, sd = gp.predict(new)
    assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.1
    assert 0.8 < np.mean(np.abs(mean - truth) < 2 * sd) <= 1
    assert gp.noise == pytest.approx(0.01, rel=0.6)


def test_a_few_runs_that_collapsed_do_not_bend_it() -> None:
    x, y = data(80)
    new, truth = data(400, seed=1, noise=0.0)
    hit = np.random.default_rng(3).choice(80, 5, replace=False)
    y[hit] += 6.0
    gp = GaussianProcess(x, y, np.zeros(80))
    gp.optimize()
    mean, _ = gp.predict(new)
    assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.2
    assert set(np.argsort(gp.outlying)[-5:]) == set(hit)


def test_an_irrelevant_feature_gets_a_long_scale() -> None:
    x, y = data(80)
    gp = GaussianProcess(x, y, np.zeros(80))
    gp.optimize()
    assert gp.hyper.scales[2] > gp.hyper.scales[0]


@pytest.mark.parametrize("n", [1, 5, 63, 64, 65])
def test_appending_equals_refitting(n: int) -> None:
    x, y = data(n + 70)
    known = np.random.default_rng(0).random(n + 70) * 0.1
    grown = GaussianProcess(x[:n], y[:n], known[:n])
    for i in range(n, n + 70):
        grown.append(x[i], y[i], known[i])
    whole = GaussianProcess(x, y, known, hyper=grown.hyper, standardize=False)
    whole.centre, whole.scale = grown.centre, grown.scale
    whole.condition(x, (y - grown.centre) / grown.scale, known / grown.scale**2)
    new, _ = data(10, seed=2)
    np.testing.assert_allclose(grown.predict(new), whole.predict(new), rtol=1e-6, atol=1e-8)


def test_no_data_gives_the_prior() -> None:
    mean, sd = GaussianProcess(np.zeros((0, 2)), np.zeros(0), np.zeros(0)).predict(np.full((3, 2), 0.5))
    assert (mean == 0).all()
    np.testing.assert_allclose(sd, np.sqrt(2.0))


def test_noisy_observations_count_less() -> None:
    x, y = np.array([[0.4], [0.6]]), np.array([0.0, 1.0])
    at = np.array([[0.5]])
    trusting = GaussianProcess(x, y, np.array([1e-6, 1e-6]), standardize=False).predict(at)[0][0]
    doubting = GaussianProcess(x, y, np.array([1e-6, 10.0]), standardize=False).predict(at)[0][0]
    assert doubting < trusting


def test_draws_have_the_posterior_moments() -> None:
    x, y = data(30)
    gp = GaussianProcess(x, y, np.zeros(30))
    new, _ = data(4, seed=3)
    draws = gp.sample(new, 4000, np.random.default_rng(0))
    mean, sd = gp.predict(new)
    np.testing.assert_allclose(draws.mean(0), mean, atol=0.05)
    np.testing.assert_allclose(draws.std(0), sd, rtol=0.1)


def left_out(n: int, rough: float) -> tuple[GaussianProcess, np.ndarray, np.ndarray, np.ndarray]:
    """A process over configurations of two rows each, and what it says of each from the others alone."""
    x, y = data(n)
    x = np.repeat(x, 2, axis=0)
    y = np.repeat(y + rough * np.sin(70 * x[::2].sum(axis=1)), 2) + np.tile([-0.05, 0.05], n)
    gp = GaussianProcess(x, y, np.full(2 * n, 0.01))
    mean, variance = gp.leave_one_out(np.repeat(np.arange(n), 2))
    return gp, y, mean, variance


def test_leaving_a_configuration_out_is_a_process_without_it() -> None:
    gp, y, mean, variance = left_out(12, 0.0)
    for row in (0, 7, 23):
        others = np.arange(24) // 2 != row // 2
        without = GaussianProcess(
            gp.x[others], (y - gp.centre)[others] / gp.scale, gp.known[others], hyper=gp.hyper, standardize=False
        )
        expected, sd = without.predict(gp.x[[row]])
        assert mean[row] == pytest.approx(gp.centre + gp.scale * expected[0], rel=1e-4)
        assert variance[row] == pytest.approx((gp.scale * sd[0]) ** 2, rel=1e-3)


def test_with_its_misfit_a_process_errs_as_much_as_it_says() -> None:
    gp, y, mean, variance = left_out(20, 0.6)
    factor = gp.misfit(mean, variance)
    assert 1.1 < factor < 5
    noise = gp.scale**2 * gp.known + gp.noise
    assert np.mean((y - mean) ** 2 / (factor * variance + noise)) == pytest.approx(1, abs=1e-4)


def test_joint_draws_spread_as_far_as_the_prediction_says_with_what_the_trials_do_not_resolve() -> None:
    x, y = data(12)
    rng, gp = np.random.default_rng(0), GaussianProcess(x, y, np.zeros(12))
    belief = FieldBelief(gp, widen=1.3, hidden=0.4, left_out=np.zeros((2, 12)))
    points = rng.random((4, 3))
    mean, sd = belief.predict(points)
    draws = np.concatenate([belief.draw(points, 40, rng) for _ in range(100)])  # waves differ from call to call
    assert draws.mean(0) == pytest.approx(mean, abs=0.1)
    assert draws.std(0) == pytest.approx(sd, rel=0.06)
