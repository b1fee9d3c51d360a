"""Verdicts, correction and JSON."""

import json
import math
from dataclasses import replace

import pytest

from fitscape.study.findings import Context, Evidence, Verdict, correct, to_json
from fitscape.study.findings.correction import Method, over_folds
from fitscape.study.findings.finding import Counted, judge

EVIDENCE = Evidence(estimate=0.3, low=0.1, high=0.5, p_above=0.001, p_below=0.999, margin=0.01, n=5, test="t", needed=4)
TEXT = {
    "claim": "c",
    "question": "q",
    "family": "plain",
    "unit": "u",
    "explanation": "e",
    "source": "s",
    "effect": "an effect",
}


@pytest.mark.parametrize(
    ("changed", "above", "not_above"),
    [
        ({}, Verdict.SUPPORTED, Verdict.CONTRADICTED),
        ({"p_above": 0.2}, Verdict.UNDECIDED, Verdict.UNDECIDED),
        ({"estimate": -0.3, "p_above": 0.999, "p_below": 0.001}, Verdict.CONTRADICTED, Verdict.SUPPORTED),
        # Surely above nothing, and just as surely too small to count.
        ({"estimate": 0.005, "p_above": 0.001, "p_below": 0.001}, Verdict.CONTRADICTED, Verdict.SUPPORTED),
        ({"estimate": 0.005, "p_above": 0.001, "p_below": 0.2}, Verdict.UNDECIDED, Verdict.UNDECIDED),
    ],
)
def test_a_claim_and_its_denial_get_opposite_verdicts(
    changed: dict[str, float], above: Verdict, not_above: Verdict
) -> None:
    evidence = replace(EVIDENCE, **changed)
    assert judge(evidence, "above", **TEXT).verdict is above
    assert judge(evidence, "not_above", **TEXT).verdict is not_above


def test_correction_withdraws_verdicts_that_do_not_survive_it() -> None:
    sure = judge(replace(EVIDENCE, p_above=1e-5), **TEXT)
    weak = judge(replace(EVIDENCE, p_above=0.02), **TEXT)
    assert weak.verdict is Verdict.SUPPORTED
    corrected = correct([sure, weak, *[judge(replace(EVIDENCE, p_above=0.4), **TEXT)] * 8])
    assert [f.verdict for f in corrected[:2]] == [Verdict.SUPPORTED, Verdict.UNDECIDED]
    assert corrected[1].p_adjusted == pytest.approx(9 * 0.04)
    assert corrected[1].p == weak.p


def test_false_discovery_rate_is_the_milder_correction() -> None:
    findings = [judge(replace(EVIDENCE, p_above=p), **TEXT) for p in (0.005, 0.008, 0.012, 0.015)]
    adjusted = {m: [f.p_adjusted for f in correct(findings, method=m)] for m in ("holm", "bh")}
    assert all(a <= b for a, b in zip(adjusted["bh"], adjusted["holm"], strict=True))


@pytest.mark.parametrize(("method", "adjusted"), [("holm", (0.04, 0.048, 0.048)), ("bh", (0.03, 0.03, 0.03))])
def test_adjusted_p_values_are_those_of_the_named_correction(method: Method, adjusted: tuple[float, ...]) -> None:
    """Holm: 4 x .01, 3 x .016, then never less than before. BH: p x 4 / rank, never more than the next."""
    findings = [judge(replace(EVIDENCE, p_above=p / 2), **TEXT) for p in (0.01, 0.016, 0.0225, 0.6)]
    corrected = correct(findings, method=method)
    assert [f.p_adjusted for f in corrected[:3]] == pytest.approx(adjusted)
    assert corrected[3].p_adjusted == pytest.approx(0.6)


def test_the_study_is_corrected_by_holm() -> None:
    assert Context(classes=10, chance_error=0.9).correction == "holm"


def test_findings_without_a_test_are_left_alone() -> None:
    estimate = replace(judge(EVIDENCE, **TEXT), p=math.nan)
    assert correct([estimate])[0] == estimate
    corrected = correct([estimate, judge(EVIDENCE, **TEXT)])
    assert corrected[0] == estimate
    assert corrected[1].p_adjusted == pytest.approx(0.002)


def test_json_holds_what_readers_need_and_no_nan() -> None:
    one = replace(judge(EVIDENCE, **TEXT), high=math.inf, p=math.nan)
    (row,) = json.loads(json.dumps(to_json([one]), allow_nan=False))
    assert {"claim", "family", "estimate", "low", "high", "test", "p", "n", "verdict"} <= row.keys()
    assert (row["verdict"], row["high"], row["p"], row["n"]) == ("supported", None, None, 5)


def test_seeds_that_are_folds_prove_less_and_drawn_configurations_as_much() -> None:
    sure = judge(replace(EVIDENCE, p_above=0.001), **TEXT)  # of 5 seeds: z is 3.09, and 2.06 after a factor of 1.5
    wider = over_folds(sure, 1 / 4)
    assert wider.p == pytest.approx(0.0393, abs=1e-4)
    assert (wider.low, wider.high) == pytest.approx((0.0, 0.6))
    assert correct([wider])[0].verdict is Verdict.SUPPORTED
    assert correct([over_folds(sure, 1)])[0].verdict is Verdict.UNDECIDED
    assert over_folds(replace(sure, p_adjusted=0.002), 1).p_adjusted > 0.05
    drawn = replace(sure, counted=Counted.CONFIGURATIONS)
    assert over_folds(drawn, 1 / 4) == drawn
    assert over_folds(sure, 0) == sure
