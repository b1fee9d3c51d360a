"""The end of a learning curve, told from its beginning."""

import numpy as np
import pytest

from fitscape.study.search.forecast import FEWEST, LearningCurve, forecast, rungs

TOTAL = 40


def curve(seed: int, total: int = TOTAL, diverged: bool = False) -> LearningCurve:
    """z falls exponentially to an end that depends on the one hyperparameter."""
    rng = np.random.default_rng(seed)
    hyperparameter = rng.random()
    end, start, pace = (
        np.array([-1 - 2 * hyperparameter, -2 - 3 * hyperparameter]),
        np.array([2.0, 2.0]),
        4 + 6 * rng.random(),
    )
    made = LearningCurve(np.array([hyperparameter]), total, diverged=diverged)
    for epoch in range(1, total + 1):
        falling = np.exp(-epoch / total * TOTAL / pace)
        made.z[epoch] = end + (start - end) * falling + rng.normal(0, 0.03, 2)
    return made


@pytest.mark.parametrize("total", [2, 10, 100, 1000])
def test_rungs_are_early_log_spaced_and_never_the_end(total: int) -> None:
    found = rungs(total)
    assert found[0] == max(1, round(0.05 * total))
    assert found[-1] < total
    assert len(found) <= 15
    assert found == sorted(set(found))


def test_the_end_lies_within_its_interval() -> None:
    full = [curve(seed) for seed in range(40)]
    rng = np.random.default_rng(0)
    inside, widths = [], []
    for seed in range(100, 160):
        new = curve(seed)
        seen = forecast(new, 15, full)
        assert seen is not None
        low, high = np.quantile(seen.draws(400, rng), [0.05, 0.95], axis=0)
        inside.append((low <= new.z[TOTAL]) & (new.z[TOTAL] <= high))
        widths.append(high - low)
    assert np.mean(inside) > 0.85
    assert np.mean(widths) < 0.6  # the ends themselves spread over 2 and 3


def test_a_curve_unlike_all_others_is_less_certain() -> None:
    full = [curve(seed) for seed in range(40)]
    strange = curve(100)
    strange.z = {epoch: z + np.array([2.0, -2.0]) for epoch, z in strange.z.items()}
    usual, unusual = (forecast(c, 12, full).covariance.trace() for c in (curve(100), strange))
    assert unusual > 2 * usual


def test_too_few_full_trials_tell_nothing() -> None:
    full = [curve(seed) for seed in range(FEWEST)]
    assert forecast(curve(99), 10, full) is not None
    assert forecast(curve(99), 10, full[1:]) is None
    assert forecast(curve(99), 10, [*full[1:], curve(50, diverged=True)]) is None


def test_divergence_of_the_like_is_a_risk() -> None:
    full = [curve(seed) for seed in range(20)]
    calm = forecast(curve(99), 10, full)
    wild = forecast(curve(99), 10, [*full, *(curve(s, diverged=True) for s in range(30, 50))])
    assert calm.p_diverged < 0.1 < 0.3 < wild.p_diverged


def test_other_lengths_are_matched_by_their_share_of_the_schedule() -> None:
    full = [curve(seed, total=80) for seed in range(40)]
    new = curve(100)
    seen = forecast(new, 15, full)
    assert np.abs(seen.mean - new.z[TOTAL]).max() < 0.4
