"""A finding: one claim, the evidence for and against it, and the verdict."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from html import escape
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from scipy.stats import false_discovery_control, norm

from fitscape.study.regimes.correction import holm
from fitscape.study.regimes.replicates import SeedNoise

ALPHA: Final = 0.05  # two-sided, over the study after correction

Method: TypeAlias = Literal["holm", "bh"]


class Verdict(StrEnum):
    """What the study says of a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"


class Counted(StrEnum):
    """What a test counts, and thereby what it speaks of."""

    SEEDS = "seeds"  # these very configurations, over new seeds
    CONFIGURATIONS = "configurations"  # the space that they were drawn from, or are spread over
    RUNS = "runs"  # these configurations, each run a unit


POPULATIONS: Final = {
    Counted.SEEDS: "these configurations, over seeds",
    Counted.CONFIGURATIONS: "the space, over configurations",
    Counted.RUNS: "these configurations, over runs",
}


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
    counted: Counted = Counted.SEEDS
    needed: int | None = None  # of what is counted, to tell the margin from nothing with 80 % power


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
    n: int  # what the test counts
    verdict: Verdict
    explanation: str  # what was measured, true whatever the verdict
    source: str  # where the claim is from
    effect: str  # what there is more of where the estimate is large: "a rise of the training error"
    denied: bool = False  # the claim is that there is no such effect
    margin: float = 0.0  # smallest effect worth the name, in ``unit``
    counted: Counted = Counted.SEEDS
    needed: int | None = None  # of what is counted, to tell an effect of the margin from none with 80 % power
    if_found: str = ""  # what an effect means; said only where one was found
    lacks: str = ""  # of one that is not judged: the runs without which its rule finds nothing, whatever the estimate
    p_adjusted: float | None = None  # over the study's findings

    def _repr_html_(self) -> str:
        """In a notebook: the claim, the verdict and its numbers."""
        numbers = (
            f"{self.estimate:.3g} ({self.low:.3g} to {self.high:.3g}) {self.unit}; n = {self.n} {self.counted.value}"
        )
        lines = (f"{self.claim}: {self.verdict.value}", self.explanation, numbers)
        return "<p><b>{}</b><br>{}<br>{}</p>".format(*map(escape, lines))

    @property
    def population(self) -> str:
        """What the claim is about."""
        return POPULATIONS[self.counted]

    @property
    def found(self) -> bool | None:
        """Whether the effect was found; None: undecided."""
        return None if self.verdict is Verdict.UNDECIDED else (self.verdict is Verdict.SUPPORTED) != self.denied

    @property
    def sentence(self) -> str:
        """What was found, in words that fit the verdict and the numbers."""
        span = f"95 % interval {_figure(self.low)} to {_figure(self.high)}"
        numbers = f"Estimate {_figure(self.estimate)} ({span}), in {self.unit}"
        worth = f" of {_figure(self.margin)} or more" if self.margin > 0 else ""
        if self.found:
            return " ".join(filter(None, (f"Found: {self.effect}. {numbers}.", self.if_found)))
        if self.found is False:
            return f"Found: no {_bare(self.effect)}{worth}. {numbers}."
        if self.lacks:
            return f"Not judged: this study lacks {self.lacks}. {numbers}."
        more = f" About {about(self.needed)} {self.counted.value} would tell." if self.needed is not None else ""
        return f"Not decided: {self.effect}{worth}, or not. {numbers}.{more}"


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
    effect: str,
    if_found: str = "",
) -> Finding:
    """The finding that an effect is ``above`` the null and worth its name, or that it is ``not_above`` it.

    Args:
        evidence: the effect, larger meaning more of what is claimed or denied.
        holds: what the claim says of it.
        explanation: what was measured; it must be true whatever the verdict.
        effect: the effect as a noun with its article.
        if_found: what the effect means, for where it was found.
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
        effect=effect,
        denied=holds == "not_above",
        margin=evidence.margin,
        counted=evidence.counted,
        needed=evidence.needed,
        if_found=if_found,
    )


def is_above(evidence: Evidence) -> bool:
    """Whether an effect is surely above its null and large enough to be worth its name."""
    return evidence.p_above <= ALPHA / 2 and evidence.estimate >= evidence.margin


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
    return [adjusted(f, float(next(values))) if _to_correct(f) else f for f in findings]


def _to_correct(one: Finding) -> bool:
    return not math.isnan(one.p) and one.p_adjusted is None


def adjusted(one: Finding, p: float) -> Finding:
    """With its p value corrected; a verdict that does not survive becomes undecided."""
    return replace(one, p_adjusted=p, verdict=one.verdict if p <= ALPHA else Verdict.UNDECIDED)


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


def to_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Plain objects for ``report/findings.json``; what is not finite becomes null."""
    return [
        {key: _plain(value) for key, value in asdict(one).items()}
        | {"sentence": one.sentence, "population": one.population}
        for one in findings
    ]


def _figure(value: float) -> str:
    return "unbounded" if not math.isfinite(value) else f"{value:.3g}"


def about(count: int) -> str:
    """Two digits of a number that is an estimate itself: ``3,300`` for 3,271."""
    return f"{int(float(f'{count:.2g}')):,}"


def _bare(noun: str) -> str:
    """Without its article."""
    return noun.removeprefix("a ").removeprefix("an ")


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    return None if isinstance(value, float) and not math.isfinite(value) else value
