"""The tests behind the findings keep their level and find what is there."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from fitscape.study.findings.evidence import (
    _score,
    discordant_evidence,
    earlier_evidence,
    mean_evidence,
    needed,
    resampled_evidence,
    shares_evidence,
)
from fitscape.study.findings.finding import Counted


def test_mean_evidence_is_the_t_test() -> None:
    x = np.random.default_rng(0).normal(0.3, 1, 12)
    evidence, known = mean_evidence(x), ttest_1samp(x, 0)
    assert 2 * min(evidence.p_above, 1 - evidence.p_above) == pytest.approx(known.pvalue)
    assert (evidence.low, evidence.high) == pytest.approx(tuple(known.confidence_interval()))


def test_equal_values_are_only_as_sure_as_one_image_allows() -> None:
    assert mean_evidence([0.0005] * 5, margin=0.01, resolution=0.001).p_above > 0.025
    assert mean_evidence([0.5] * 5, margin=0.01, resolution=0.001).p_above < 1e-6


def test_units_needed_are_those_that_tell_the_margin_and_not_what_was_seen() -> None:
    n = needed(0.3, 0.3)
    assert n is not None
    rng = np.random.default_rng(0)
    decided = [mean_evidence(rng.normal(0.3, 0.3, n)).p_above <= 0.025 for _ in range(1500)]
    assert np.mean(decided) == pytest.approx(0.8, abs=0.05)
    spread = np.array([-0.3, 0.0, 0.3])
    assert len({mean_evidence(spread + mean, margin=0.1).needed for mean in (0.0, 0.05, 5.0)}) == 1


def test_without_a_smallest_effect_no_number_of_units_is_named() -> None:
    assert needed(1.0, 0.0) is None


def test_paired_events_count_where_they_differ() -> None:
    both = [True] * 10
    assert discordant_evidence([*both, *[True] * 8], [*both, *[False] * 8]).p_above == pytest.approx(0.5**8)
    tie = discordant_evidence([True, False] * 5, [False, True] * 5)
    assert tie.p_above > 0.5
    assert tie.low < 0 < tie.high


def test_pairs_that_differ_speak_exactly_against_as_well() -> None:
    evidence = discordant_evidence([False] * 5 + [True] * 7, [True] * 5 + [True] * 7)
    assert evidence.p_below == pytest.approx(0.5**5)


@pytest.mark.parametrize("shares", [(0.05, 0.0), (0.15, 0.1), (0.45, 0.4)])
def test_a_rescue_of_the_margin_is_rarely_denied(shares: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(24, [*shares, 1 - sum(shares)], 400)
    pairs = [([1] * g + [0] * (24 - g), [0] * g + [1] * lost + [0] * (24 - g - lost)) for g, lost, _ in drawn]
    assert np.mean([discordant_evidence(a, b, margin=0.05).p_below <= 0.025 for a, b in pairs]) <= 0.035


def test_no_difference_in_many_pairs_speaks_against_a_large_one() -> None:
    few, many = (discordant_evidence([False] * n, [False] * n, margin=0.05) for n in (5, 200))
    assert few.p_below > 0.025 > many.p_below


def test_shares_are_compared_exactly() -> None:
    evidence = shares_evidence((20, 10), (20, 20), Counted.RUNS)
    assert evidence.p_above < 0.001
    assert evidence.low > 0


def test_runs_that_never_arrive_are_the_latest() -> None:
    evidence = earlier_evidence([1, 2, 3, 2, 1, np.inf], [np.inf] * 6, counted=Counted.RUNS)
    assert evidence.estimate == pytest.approx(5 / 6)
    assert evidence.p_above < 0.01
    assert earlier_evidence([np.inf] * 6, [np.inf] * 6, counted=Counted.RUNS).estimate == 0


def test_resampled_evidence_is_percentiles_of_the_draws_that_are_numbers() -> None:
    draws = np.random.default_rng(0).normal(0.4, 0.2, 999)
    found = resampled_evidence(0.4, np.append(draws, np.nan), n=16, test="", counted=Counted.SEEDS, margin=0.1)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))
    assert found.p_above == pytest.approx((np.sum(draws <= 0) + 1) / 1000)
    assert found.p_below == pytest.approx((np.sum(draws >= 0.1) + 1) / 1000)
    assert found.needed == needed(float(draws.std()) * 4, 0.1)
    nothing = resampled_evidence(0.4, np.array([np.nan]), n=16, test="", counted=Counted.SEEDS, margin=0.1)
    assert np.isnan([nothing.low, nothing.high]).all()
    assert nothing.needed is None


@pytest.mark.parametrize(("gained", "lost", "n"), [(3, 1, 12), (0, 4, 9), (5, 5, 30), (1, 0, 5)])
def test_the_score_of_paired_shares_is_tangos(gained: int, lost: int, n: int) -> None:
    """Its nuisance share, by maximum likelihood under the margin, found here by trying every share."""
    margin = 0.1
    shares = np.linspace(1e-6, (1 - margin) / 2 - 1e-6, 200_001)
    likelihood = gained * np.log(shares + margin) + lost * np.log(shares)
    likelihood += (n - gained - lost) * np.log(1 - margin - 2 * shares)
    share = shares[np.argmax(likelihood)]
    expected = (gained - lost - n * margin) / np.sqrt(n * (2 * share + margin - margin**2))
    found = _score(np.array([float(gained)]), np.array([float(lost)]), n, margin)
    assert found[0] == pytest.approx(expected, rel=1e-3)


def test_resampled_p_values_are_never_zero() -> None:
    assert 0 < resampled_evidence(1.0, np.ones(100), n=5, test="", counted=Counted.SEEDS).p_above < 0.01


def test_a_margin_above_the_null_asks_another_question_of_each_side() -> None:
    """p_above is against the null, p_below against the margin; without a margin both are against the null."""
    x = np.random.default_rng(0).normal(0.3, 0.4, 20)
    with_margin, without = mean_evidence(x, null=0.1, margin=0.5), mean_evidence(x, null=0.1)
    assert with_margin.p_above == without.p_above == pytest.approx(ttest_1samp(x, 0.1, alternative="greater").pvalue)
    assert with_margin.p_below == pytest.approx(ttest_1samp(x, 0.5, alternative="less").pvalue)
    assert without.p_below == pytest.approx(ttest_1samp(x, 0.1, alternative="less").pvalue)
    assert (with_margin.margin, without.margin) == (0.5, 0.1)
