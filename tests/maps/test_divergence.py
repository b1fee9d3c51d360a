"""The divergence cliff as a probit process."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

from fitscape.study.maps.divergence import DivergenceField, information, match_site, probability


def cliff(x: np.ndarray) -> np.ndarray:
    return x[:, 0] > 0.7 - 0.2 * x[:, 1]


def test_a_slanted_cliff_is_learned_from_few_trials() -> None:
    rng = np.random.default_rng(0)
    x, new = rng.random((40, 3)), rng.random((1000, 3))
    field = DivergenceField(x, cliff(x))
    field.optimize(steps=30, subset=100, rng=rng)
    mean, sd = field.gp.predict(new)
    p = field.probability(mean, sd**2)
    assert ((p > 0.5) == cliff(new)).mean() > 0.93
    assert p[cliff(new)].mean() > 0.85


def test_while_nothing_diverged_the_risk_is_small_but_not_zero() -> None:
    field = DivergenceField(np.random.default_rng(0).random((20, 2)), np.zeros(20, dtype=bool))
    p = field.probability(np.zeros(3), np.ones(3))
    assert ((p > 0) & (p < 0.05)).all()


def test_with_few_trials_it_is_the_exact_posterior_nearly() -> None:
    """Of draws of the prior, each weighed by how likely it makes what was seen."""
    x, at = np.array([[0.1], [0.45], [0.6], [0.9]]), np.array([[0.3], [0.55], [1.0]])
    diverged = np.array([False, False, True, True])
    field = DivergenceField(x, diverged)
    mean, sd = field.gp.predict(at)
    everywhere = np.vstack([x, at])
    root = np.linalg.cholesky(field.gp.covariance(everywhere, everywhere) + 1e-6 * np.eye(7))
    draws = np.random.default_rng(0).standard_normal((300_000, 7)) @ root.T
    weights = ndtr(draws[:, :4] * np.where(diverged, 1, -1)).prod(axis=1)
    exact = np.average(draws[:, 4:], axis=0, weights=weights)
    spread = np.sqrt(np.average((draws[:, 4:] - exact) ** 2, axis=0, weights=weights))
    assert np.abs(mean - exact).max() < 0.05 * spread.max()
    assert sd == pytest.approx(spread, rel=0.1)  # a little narrower, as EP is


@pytest.mark.parametrize("diverged", [True, False])
def test_one_outcome_everywhere_is_no_trouble(diverged: bool) -> None:
    field = DivergenceField(np.random.default_rng(0).random((6, 2)), np.full(6, diverged))
    field.optimize(steps=10, subset=100, rng=np.random.default_rng(0))
    mean, sd = field.gp.predict(np.full((1, 2), 0.5))
    assert (field.probability(mean, sd**2)[0] > 0.5) == diverged


def test_appending_moves_the_risk_the_right_way() -> None:
    rng = np.random.default_rng(1)
    x = rng.random((30, 2))
    field = DivergenceField(x, cliff(x))
    at = np.array([0.62, 0.3])

    def risk() -> float:
        mean, sd = field.gp.predict(at[None])
        return float(field.probability(mean, sd**2)[0])

    before = risk()
    field.append(at, True)
    assert risk() > before


def test_many_trials_settle_from_a_part_of_them() -> None:
    rng = np.random.default_rng(2)
    x, at = rng.random((400, 2)), rng.random((200, 2))
    by_part = DivergenceField(x, cliff(x))
    by_part.optimize(steps=20, subset=100, rng=rng)
    afresh = DivergenceField(x, cliff(x), by_part.gp.hyper)
    risks = []
    for field in (by_part, afresh):
        mean, sd = field.gp.predict(at)
        risks.append(field.probability(mean, sd**2))
    assert np.abs(risks[0] - risks[1]).max() < 0.02
    assert risks[0].min() < 0.05 < 0.95 < risks[0].max()


def test_one_diverged_trial_of_many_is_not_overlooked() -> None:
    x = np.random.default_rng(3).random((300, 2))
    diverged = np.zeros(300, dtype=bool)
    diverged[7] = True
    field = DivergenceField(x, diverged)
    field.optimize(steps=10, subset=20, rng=np.random.default_rng(0))
    mean, sd = field.gp.predict(x)
    risk = field.probability(mean, sd**2)
    assert risk[7] > np.median(risk)


def moments(m: float, v: float, sign: float) -> tuple[float, float]:
    """Mean and variance of the tilted distribution, by quadrature."""
    density = lambda f: ndtr(sign * f) * norm.pdf(f, m, np.sqrt(v))  # noqa: E731
    span = (m - 12 * np.sqrt(v), m + 12 * np.sqrt(v))
    total, first, second = (quad(lambda f, k=k: f**k * density(f), *span, limit=200)[0] for k in range(3))
    return first / total, second / total - (first / total) ** 2


@pytest.mark.parametrize(("m", "v", "sign"), [(0.3, 1.0, 1.0), (-2.0, 4.0, 1.0), (1.0, 9.0, -1.0)])
def test_a_site_matches_the_moments(m: float, v: float, sign: float) -> None:
    target, site = (a[0] for a in match_site(np.array([m]), np.array([v]), np.array([sign])))
    variance = 1 / (1 / v + 1 / site)
    mean = variance * (m / v + target / site)
    assert (mean, variance) == pytest.approx(moments(m, v, sign), rel=1e-4)


@pytest.mark.parametrize(("m", "v"), [(0.0, 1.0), (1.0, 4.0), (-3.0, 2.0)])
def test_information_is_the_expected_fall_of_the_variance(m: float, v: float) -> None:
    p = probability(np.array([m]), np.array([v]))[0]
    after = p * moments(m, v, 1.0)[1] + (1 - p) * moments(m, v, -1.0)[1]
    assert v - after == pytest.approx(v**2 * information(np.array([m]), np.array([v]))[0], rel=1e-3)
