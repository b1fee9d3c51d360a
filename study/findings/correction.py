"""Correction of a study's findings for their number, and for seeds that are folds."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
from scipy.stats import false_discovery_control, norm

from fitscape.study.findings.finding import Counted, Finding, adjusted
from fitscape.study.regimes.correction import holm
from fitscape.study.regimes.replicates import SeedNoise

Method: TypeAlias = Literal["holm", "bh"]


def correct(findings: Iterable[Finding], method: Method = "holm") -> list[Finding]:
    """Adjust the p values for their number; a verdict that does not survive becomes undecided.

    Holm (1979) bounds the chance of any wrong verdict by 5 %, Benjamini and Hochberg (1995, ``bh``) the share
    of wrong ones. Findings without a p value, or with one that is corrected already, are left as they are.
    """
    findings = list(findings)
    tested = [f for f in findings if _to_correct(f)]
    if not tested:
        return findings
    p = np.array([f.p for f in tested])
    values = iter(holm(p) if method == "holm" else false_discovery_control(p))
    count = len(tested)
    return [replace(adjusted(f, float(next(values))), claims=count) if _to_correct(f) else f for f in findings]


def _to_correct(one: Finding) -> bool:
    return not math.isnan(one.p) and one.p_adjusted is None


def over_folds(one: Finding, overlap: float) -> Finding:
    """A finding over seeds or runs of a study whose seeds are folds: wider, as nets of two folds share training images.

    By the variance of a mean over folds, ``SeedNoise.of_mean``; tests are taken for normal here. What was drawn from
    the space, one seed each, stays.
    """
    if not overlap or one.counted is Counted.CONFIGURATIONS or not one.n:
        return one
    wider = math.sqrt(one.n * SeedNoise(overlap=overlap).of_mean(one.n))
    low, high = one.estimate - wider * (one.estimate - one.low), one.estimate + wider * (one.high - one.estimate)
    found = replace(one, low=low, high=high, p=_wider(one.p, wider), needed=None)
    return found if one.p_adjusted is None else adjusted(found, _wider(one.p_adjusted, wider))


def _wider(p: float, factor: float) -> float:
    """A two-sided p value after the standard error has grown."""
    return p if math.isnan(p) else min(1.0, 2 * float(norm.sf(norm.isf(p / 2) / factor)))
