"""Parameters and floating-point operations at a given error (Huang et al. 2017: dense nets need fewer)."""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from study.findings.context import Context, percent, val_error
from study.findings.evidence import RESAMPLES, resampled_evidence
from study.findings.finding import Finding, judge
from study.records import TrialRecord
from study.regimes.skill import Array

Cost = Literal["parameters", "flops"]
NAMES: Final[dict[Cost, str]] = {"parameters": "parameters", "flops": "floating-point operations"}


def cost_findings(
    a: Sequence[TrialRecord], b: Sequence[TrialRecord], better: str, worse: str, context: Context
) -> list[Finding]:
    """Does ``better`` reach an error with a smaller net than ``worse``? Needs nets of several sizes.

    The error asked for is the larger of the two architectures' lower quartiles, which a fair share of the runs
    of each reach; of those, the smallest net counts. Interval over resampled trials.
    """
    found = []
    for cost in NAMES:
        groups = [_points(group, cost, context.chance_error) for group in (a, b)]
        if any(len(set(points[:, 0])) < 3 for points in groups):
            continue
        target = max(float(np.quantile(points[:, 1], 0.25)) for points in groups)
        smallest = [smallest_net(points, target) for points in groups]
        rng = np.random.default_rng(context.seed)
        draws = np.empty(RESAMPLES)
        for r in range(RESAMPLES):
            sizes = [smallest_net(points[rng.integers(0, len(points), len(points))], target) for points in groups]
            draws[r] = np.log2(sizes[1] / sizes[0])
        evidence = resampled_evidence(
            float(np.log2(smallest[1] / smallest[0])), draws, n=len(a) + len(b), test="bootstrap of the smallest net"
        )
        found.append(
            judge(
                evidence,
                claim=f"Architectures: {better} needs fewer {NAMES[cost]} than {worse} for the same error",
                question="architectures",
                family=a[0].config.model.family,
                unit=f"log2 of {NAMES[cost]}, {worse} over {better}",
                explanation=f"The smallest {better} that reaches {percent(target)} validation error has "
                f"{smallest[0]:.3g} {NAMES[cost]}, the smallest {worse} {smallest[1]:.3g}.",
                source="Huang et al. 2017, figure 3",
            )
        )
    return found


def smallest_net(points: Array, target: float) -> float:
    """Least cost of points [N, 2] (cost, error) whose error is at most ``target``; NaN if none is."""
    enough = points[points[:, 1] <= target, 0]
    return float(enough.min()) if len(enough) else float("nan")


def _points(trials: Sequence[TrialRecord], cost: Cost, chance: float) -> Array:
    sized = [(getattr(t.size, cost), val_error(t, chance)) for t in trials if t.size is not None]
    return np.array(sized, dtype=float).reshape(-1, 2)
