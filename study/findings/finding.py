"""A finding: one claim, the evidence for and against it, and the verdict."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias

from statsmodels.stats.multitest import multipletests

ALPHA: Final = 0.05  # two-sided, over the study after correction

Method: TypeAlias = Literal["holm", "bh"]
_STATSMODELS: Final[dict[Method, str]] = {"holm": "holm", "bh": "fdr_bh"}


class Verdict(StrEnum):
    """What the study says of a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """An estimated effect and two one-sided tests of it.

    ``p_above`` tests that the effect is not above the null; ``p_below`` that it is not below the margin, the
    smallest effect worth the name. Between null and margin both can be rejected: sure, but too small to count.
    """

    estimate: float
    low: float  # 95 % interval
    high: float
    p_above: float
    p_below: float
    margin: float
    n: int
    test: str
    seeds_needed: int | None = None  # for a verdict with 80 % power, were the estimates the truth


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One claim about one family of nets, measured on one study."""

    claim: str
    question: str  # degradation, gradients, architectures ...
    family: str  # of models
    estimate: float
    low: float
    high: float
    unit: str
    test: str
    p: float  # twice the smaller one-sided p of the tests for and against; not corrected
    n: int  # what the test counts: paired seeds, trials ...
    verdict: Verdict
    explanation: str
    source: str  # where the claim is from
    seeds_needed: int | None = None
    p_adjusted: float | None = None  # over the study's findings


def judge(
    evidence: Evidence,
    holds: Literal["above", "not_above"] = "above",
    /,
    *,
    claim: str,
    question: str,
    family: str,
    unit: str,
    explanation: str,
    source: str,
) -> Finding:
    """The finding that an effect is ``above`` the null and worth its name, or that it is ``not_above`` it.

    Args:
        evidence: the effect, larger meaning more of what is claimed or denied.
        holds: what the claim says of it.
    """
    above = is_above(evidence)
    not_above = evidence.p_below <= ALPHA / 2 and not above
    verdict = Verdict.UNDECIDED
    if above or not_above:
        verdict = Verdict.SUPPORTED if above == (holds == "above") else Verdict.CONTRADICTED
    # Where the estimate is small the test of a larger effect is what could decide, and only that one.
    smaller = min(evidence.p_above, evidence.p_below) if evidence.estimate >= evidence.margin else evidence.p_below
    return Finding(
        claim=claim,
        question=question,
        family=family,
        unit=unit,
        explanation=explanation,
        source=source,
        estimate=evidence.estimate,
        low=evidence.low,
        high=evidence.high,
        test=evidence.test,
        p=min(1.0, 2 * smaller),
        n=evidence.n,
        verdict=verdict,
        seeds_needed=evidence.seeds_needed,
    )


def is_above(evidence: Evidence) -> bool:
    """Whether an effect is surely above its null and large enough to be worth its name."""
    return evidence.p_above <= ALPHA / 2 and evidence.estimate >= evidence.margin


def correct(findings: Iterable[Finding], method: Method = "holm") -> list[Finding]:
    """Adjust the p values for their number; a verdict that does not survive becomes undecided.

    Holm (1979) bounds the chance of any wrong verdict by 5 %, Benjamini and Hochberg (1995, ``bh``) the share
    of wrong ones. Findings without a p value are left as they are.
    """
    findings = list(findings)
    tested = [f for f in findings if not math.isnan(f.p)]
    if not tested:
        return findings
    adjusted = iter(multipletests([f.p for f in tested], method=_STATSMODELS[method])[1])
    return [f if math.isnan(f.p) else _with_adjusted(f, float(next(adjusted))) for f in findings]


def _with_adjusted(one: Finding, p: float) -> Finding:
    return replace(one, p_adjusted=p, verdict=one.verdict if p <= ALPHA else Verdict.UNDECIDED)


def to_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Plain objects for ``report/findings.json``; what is not finite becomes null."""
    return [{key: _plain(value) for key, value in asdict(one).items()} for one in findings]


def _plain(value: Any) -> Any:
    if isinstance(value, Verdict):
        return value.value
    return None if isinstance(value, float) and not math.isfinite(value) else value
