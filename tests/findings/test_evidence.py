"""The tests behind the findings keep their level and find what is there."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from fitscape.study.findings.evidence import (
    bootstrap_evidence,
    discordant_evidence,
    earlier_evidence,
    mean_evidence,
    resampled_evidence,
    seeds_needed,
    shares_evidence,
)


def test_mean_evidence_is_the_t_test() -> None:
    x = np.random.default_rng(0).normal(0.3, 1, 12)
    evidence, known = mean_evidence(x), ttest_1samp(x, 0)
    assert 2 * min(evidence.p_above, 1 - evidence.p_above) == pytest.approx(known.pvalue)
    assert (evidence.low, evidence.high) == pytest.approx(tuple(known.confidence_interval()))


def test_equal_values_are_only_as_sure_as_one_image_allows() -> None:
    assert mean_evidence([0.0005] * 5, margin=0.01, resolution=0.001).p_above > 0.025
    assert mean_evidence([0.5] * 5, margin=0.01, resolution=0.001).p_above < 1e-6


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_intervals_of_means_cover(draw: str) -> None:
    rng = np.random.default_rng(0)
    truth = {"normal": 0.0, "exponential": 1.0}[draw]
    rows = [getattr(rng, draw)(size=15) for _ in range(300)]
    found = [bootstrap_evidence(x, seed=i) for i, x in enumerate(rows)]
    covered = np.mean([e.low <= truth <= e.high for e in found])
    assert 0.91 <= covered <= 0.98


def test_seeds_needed_is_what_gives_the_power_asked_for() -> None:
    n = seeds_needed(0.3, 0.3, 0.0, 0.0)
    assert n is not None
    rng = np.random.default_rng(0)
    decided = [mean_evidence(rng.normal(0.3, 0.3, n)).p_above <= 0.025 for _ in range(1500)]
    assert np.mean(decided) == pytest.approx(0.8, abs=0.05)


def test_no_number_of_seeds_decides_what_lies_on_the_boundary() -> None:
    assert seeds_needed(0.0, 1.0, 0.0, 0.0) is None


def test_paired_events_count_where_they_differ() -> None:
    both = [True] * 10
    assert discordant_evidence([*both, *[True] * 8], [*both, *[False] * 8]).p_above == pytest.approx(0.5**8)
    tie = discordant_evidence([True, False] * 5, [False, True] * 5)
    assert tie.p_above > 0.5
    assert tie.low < 0 < tie.high


def test_no_difference_in_many_pairs_speaks_against_a_large_one() -> None:
    few, many = (discordant_evidence([False] * n, [False] * n, margin=0.05) for n in (5, 200))
    assert few.p_below > 0.025 > many.p_below


def test_shares_are_compared_exactly() -> None:
    evidence = shares_evidence((20, 10), (20, 20))
    assert evidence.p_above < 0.001
    assert evidence.low > 0


def test_runs_that_never_arrive_are_the_latest() -> None:
    evidence = earlier_evidence([1, 2, 3, 2, 1, np.inf], [np.inf] * 6)
    assert evidence.estimate == pytest.approx(5 / 6)
    assert evidence.p_above < 0.01
    assert earlier_evidence([np.inf] * 6, [np.inf] * 6).estimate == 0


def test_resampled_p_values_are_never_zero() -> None:
    assert 0 < resampled_evidence(1.0, np.ones(100), n=5, test="").p_above < 0.01


def test_a_margin_above_the_null_asks_another_question_of_each_side() -> None:
    """p_above is against the null, p_below against the margin; without a margin both are against the null."""
    x = np.random.default_rng(0).normal(0.3, 0.4, 20)
    with_margin, without = mean_evidence(x, null=0.1, margin=0.5), mean_evidence(x, null=0.1)
    assert with_margin.p_above == without.p_above == pytest.approx(ttest_1samp(x, 0.1, alternative="greater").pvalue)
    assert with_margin.p_below == pytest.approx(ttest_1samp(x, 0.5, alternative="less").pvalue)
    assert without.p_below == pytest.approx(ttest_1samp(x, 0.1, alternative="less").pvalue)
    assert (with_margin.margin, without.margin) == (0.5, 0.1)


def test_a_bootstrapped_margin_is_what_p_below_is_against() -> None:
    x = np.random.default_rng(0).normal(0.3, 0.4, 20)
    assert bootstrap_evidence(x, margin=0.6).p_below < 0.025 < bootstrap_evidence(x, margin=0.0).p_below


def test_the_interval_of_a_skewed_mean_is_longer_on_the_skewed_side() -> None:
    """Studentized, so that the ends change sides (Efron and Tibshirani 1993, ch. 12): the long tail is above."""
    skewed = np.random.default_rng(0).lognormal(0, 1, 30)
    right, left = bootstrap_evidence(skewed), bootstrap_evidence(-skewed)
    assert right.high - right.estimate > 1.3 * (right.estimate - right.low)
    assert left.estimate - left.low > 1.3 * (left.high - left.estimate)
