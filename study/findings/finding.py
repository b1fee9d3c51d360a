"""A finding: one claim, the evidence for and against it, and the verdict."""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from html import escape
from typing import Any, Final, Literal

from scipy.stats import norm
from scipy.stats import t as student

from fitscape.study.findings.size import POWER, needed
from fitscape.study.measures.wording import beside

ALPHA: Final = 0.05  # two-sided, over the study after correction

# Units that are error rates or shares, which are said in points.
_RATES: Final = re.compile(r"(validation|training) error\b|share of|fall of the validation error by|the less sure of ")


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
    claims: int = 1  # that the correction counted

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
    def topic(self) -> str:
        """Of the claim, what it is about: ``Architectures``."""
        return self.claim.partition(": ")[0]

    @property
    def said(self) -> str:
        """The claim without its topic."""
        return self.claim.partition(": ")[2] or self.claim

    @property
    def found(self) -> bool | None:
        """Whether the effect was found; None: undecided."""
        return None if self.verdict is Verdict.UNDECIDED else (self.verdict is Verdict.SUPPORTED) != self.denied

    @property
    def units(self) -> str:
        """What ``n`` counts, in words."""
        paired = self.test.startswith(("paired", "exact McNemar"))
        return f"pairs of {self.counted.value}" if paired and self.counted is Counted.RUNS else self.counted.value

    @property
    def withdrawn(self) -> bool:
        """The claim alone would have a verdict; after the correction for the number of claims it has none."""
        open_ = self.verdict is Verdict.UNDECIDED and not self.lacks and self.p_adjusted is not None
        return open_ and self.p <= ALPHA

    @property
    def to_tell_the_least(self) -> int | None:
        """About so many units, more than there are, would tell the smallest effect that counts; None: not known, or
        it is not their number that is missing."""
        if self.needed is None:
            return None
        usual, strict = (float(norm.isf(level / 2) + norm.ppf(POWER)) for level in (ALPHA, self._level))
        count = math.ceil(self.needed * (strict / usual) ** 2)
        return count if count > self.n else None

    @property
    def to_tell_as_seen(self) -> int | None:
        """The same for an effect as large as the estimate: to find it, or that there is none that counts."""
        if self.n < 2 or not math.isfinite(self.high - self.low) or self.test.startswith("exact scan"):
            return None
        sd = (self.high - self.low) / 2 / float(student.ppf(1 - ALPHA / 2, self.n - 1)) * math.sqrt(self.n)
        distance = self.estimate if self.estimate >= self.margin else self.margin - self.estimate
        count = needed(sd, distance, self._level)
        return count if count is not None and count > self.n else None

    @property
    def _level(self) -> float:
        return ALPHA / self.claims

    def figure(self, value: float) -> str:
        """A number in the claim's unit: error rates and shares in points, others with the same decimals."""
        if not math.isfinite(value):
            return "unbounded"
        return f"{100 * value:.1f}" if self.in_points else beside(value, (self.estimate, self.low, self.high))

    @property
    def in_points(self) -> bool:
        return _RATES.match(self.unit) is not None

    @property
    def sentence(self) -> str:
        """What was found, in words that fit the verdict and the numbers."""
        points = " points" if self.in_points else ""
        span = f"95 % interval {self.figure(self.low)} to {self.figure(self.high)}"
        numbers = f"Estimate {self.figure(self.estimate)}{points} ({span}), in {self.unit}."
        least = self.figure(self.margin) if self.in_points else f"{self.margin:.3g}"
        worth = f" of {least}{points} or more" if self.margin > 0 else ""
        if self.found is not None:
            said = self.effect if self.found else f"no {_bare(self.effect)}{worth}"
            return " ".join(filter(None, (f"Found: {said}. {numbers}", self._beside, self.if_found * self.found)))
        if self.lacks:
            takes = f"A verdict takes {self.lacks}, which may change what is seen."
            return f"Seen, with too few runs for a verdict. {numbers} {takes}"
        said = f"Not decided: {self.effect}{worth}, or not. {numbers}"
        if not self.withdrawn:
            return f"{said} {self._beside or self._more}".strip()
        # Such a p value is that of the effect where the estimate is worth its name, else that of none.
        side = "against" if (self.estimate >= self.margin) == self.denied else "for"
        alone = (
            f"Alone it would be decided {side} the claim (p {said_p(self.p)}); corrected for the number of claims "
            f"it is not (p {said_p(self.p_adjusted or 1.0)})."
        )
        return f"{said} {alone} {self._more}".strip()

    @property
    def _beside(self) -> str:
        """Where the interval alone would say something else than the verdict."""
        above, below = self.low > 0 and self.estimate >= self.margin, self.high < max(self.margin, 0)
        agrees = (above if self.found else below) if self.found is not None else not (above or below)
        return (
            "" if agrees else f"The verdict is that of the test, {self.test}, and the interval of the estimate alone."
        )

    @property
    def _more(self) -> str:
        seen, least = self.to_tell_as_seen, self.to_tell_the_least
        if seen is not None and (least is None or seen < least):
            smallest = f", for the smallest that counts about {about(least)}" if least is not None else ""
            return f"For an effect as seen it takes about {about(seen)} {self.units}{smallest}."
        return f"For the smallest effect that counts it takes about {about(least)} {self.units}." if least else ""


def said_p(p: float) -> str:
    """Three digits, never 0."""
    return "below 0.001" if p < 0.001 else f"{p:.3f}"


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


def adjusted(one: Finding, p: float) -> Finding:
    """With its p value corrected; a verdict that does not survive becomes undecided."""
    return replace(one, p_adjusted=p, verdict=one.verdict if p <= ALPHA else Verdict.UNDECIDED)


def to_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Plain objects for ``report/findings.json``; what is not finite becomes null."""
    return [
        {key: _plain(value) for key, value in asdict(one).items()}
        | {"sentence": one.sentence, "population": one.population}
        for one in findings
    ]


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
