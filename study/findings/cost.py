"""Error against parameters and operations (Huang et al. 2017: dense nets need fewer for the same error)."""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from scipy.special import logit
from statsmodels.regression.linear_model import OLS  # not statsmodels.api: a third of a second

from fitscape.study.findings.context import Context, Labels, by_configuration, stalled, val_error
from fitscape.study.findings.duels import Duel
from fitscape.study.findings.evidence import slope_evidence
from fitscape.study.findings.finding import Finding, judge
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.rule import Array, rate

Cost = Literal["parameters", "flops"]
NAMES: Final[dict[Cost, str]] = {"parameters": "parameters", "flops": "floating-point operations"}
LEAST_SIZES: Final = 3
MARGIN: Final = float(np.log(1.05))  # odds of an error 5 % lower


def cost_findings(duel: Duel, labels: Labels, context: Context) -> list[Finding]:
    """Does the architecture claimed better err less at the same cost? Needs nets of several, overlapping sizes.

    Least squares of the logit error on log2 of the cost and on the architecture, over the configurations that
    trained, each with the mean of its seeds: the architecture's coefficient is the difference at equal cost, the
    slope turns it into a ratio of costs.
    """
    found = []
    for cost in NAMES:
        points = [_points(group, cost, labels, context.chance_error) for group in duel.sides]
        if any(len(set(p[:, 0])) < LEAST_SIZES for p in points) or not _overlap(points[0][:, 0], points[1][:, 0]):
            continue
        size, error = np.concatenate(points).T
        is_worse = np.repeat([0.0, 1.0], [len(p) for p in points])
        fit = OLS(error, np.column_stack([np.ones_like(size), size, is_worse])).fit(cov_type="HC3")
        ratio = _ratio(fit.params, cost, size, duel.worse)
        evidence = slope_evidence(float(fit.params[2]), float(fit.bse[2]), len(size) - 3, len(size), MARGIN)
        found.append(
            judge(
                evidence,
                claim=f"Architectures: {duel.better} has a lower error than {duel.worse} with as many {NAMES[cost]}",
                question="architectures",
                family=duel.family,
                unit=f"logit validation error, {duel.worse} - {duel.better}, at equal {NAMES[cost]}",
                explanation=f"Over {len(size)} configurations that trained, at equal {NAMES[cost]} the odds of an "
                f"error are {np.exp(evidence.estimate):.2f} times as high with {duel.worse}{ratio}.",
                source="Huang et al. 2017, figure 3",
                effect=f"a lower error of {duel.better} at equal {NAMES[cost]}",
            )
        )
    return found


def _ratio(coefficients: Array, cost: Cost, size: Array, worse: str) -> str:
    """The same as a ratio of costs at equal error, where larger nets do err less and the ratio is one that was run."""
    slope = -float(coefficients[1])
    doublings = float(coefficients[2]) / slope if slope > 0.01 else np.inf
    if abs(doublings) > np.ptp(size):
        return ""
    return f"; for an equal error {worse} takes {2**doublings:.2g} times the {NAMES[cost]}"


def _overlap(a: Array, b: Array) -> bool:
    """The two ranges share half of the smaller one, so that nothing is compared by extrapolation."""
    shared = min(a.max(), b.max()) - max(a.min(), b.min())
    return bool(shared >= 0.5 * min(np.ptp(a), np.ptp(b)))


def _points(trials: Sequence[TrialRecord], cost: Cost, labels: Labels, chance: float) -> Array:
    """[N, 2]: log2 of the cost and mean logit error over seeds of each configuration that trained."""
    trained = [t for t in trials if t.size is not None and t.last is not None and not stalled(t, labels)]
    rows = [
        (
            np.log2(getattr(seeds[0].size, cost)),
            np.mean([logit(rate(val_error(t, chance), t.last.val_n)) for t in seeds if t.last is not None]),
        )
        for seeds in by_configuration(trained)
    ]
    return np.array(rows, dtype=float).reshape(-1, 2)
