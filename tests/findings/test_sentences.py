"""What a finding says against its own numbers, whatever the verdict."""

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from benchmarks.statistics.planted import families
from benchmarks.statistics.planted.study import CONTEXT
from fitscape.study.findings import QUESTIONS, Finding, Verdict, all_findings, to_json
from fitscape.study.measures.wording import beside

KINDS = [(family, kind) for family, kinds in families().items() for kind in kinds]


@cache
def found_in(family: str, kind: str) -> list[Finding]:
    planted = families()[family][kind](np.random.default_rng(0))
    return all_findings(planted.trials, planted.labels.values(), CONTEXT)


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_every_sentence_fits_its_verdict_its_margin_and_its_numbers(family: str, kind: str) -> None:
    for measured in found_in(family, kind):
        for verdict in Verdict:
            one = replace(measured, verdict=verdict)
            sentence = one.sentence
            noun = one.effect.removeprefix("a ").removeprefix("an ")
            points = " points" if one.in_points else ""
            span = f"(95 % interval {one.figure(one.low)} to {one.figure(one.high)}), in {one.unit}."
            assert f"Estimate {one.figure(one.estimate)}{points} {span}" in sentence
            if one.found:
                assert sentence.startswith(f"Found: {one.effect}.")
            elif one.found is False:
                assert sentence.startswith(f"Found: no {noun}")
                # An interval may lie across 0 where it lies below what counts, which must then be named.
                least = one.figure(one.margin) if one.in_points else f"{one.margin:.3g}"
                assert one.margin == 0 or f"of {least}{points} or more" in sentence
            elif one.lacks:
                assert sentence.startswith("Seen, with too few runs for a verdict. ")
                assert f"A verdict takes {one.lacks}" in sentence
            else:
                assert sentence.startswith("Not decided")
                numbers = map(int, re.findall(r"about ([\d,]+)", sentence.replace(",", "")))
                assert all(count > one.n for count in numbers), "what there is would have told"
            assert one.if_found == "" or (one.if_found in sentence) == bool(one.found)
            assert one.population in ("these configurations, over seeds", "the space, over configurations",
                                      "these configurations, over runs")  # fmt: skip


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_a_verdict_agrees_with_its_interval(family: str, kind: str) -> None:
    for one in found_in(family, kind):
        if one.found:
            assert one.estimate >= one.margin
        elif one.found is False:
            assert one.estimate < max(one.margin, 1e-12)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (  # decided alone, and not among ten
            {"estimate": 0.05, "low": 0.0175, "high": 0.0825, "p": 0.0129, "p_adjusted": 0.129},
            "Alone it would be decided for the claim (p 0.013); corrected for the number of claims it is not (p "
            "0.129). For an effect as seen it takes about 8 seeds, for the smallest that counts about 370.",
        ),
        (  # too small to count, and alone sure
            {"estimate": -0.0347, "low": -0.117, "high": 0.0548, "p": 0.032, "p_adjusted": 0.73},
            "Alone it would be decided against the claim (p 0.032); corrected for the number of claims it is not (p "
            "0.730). For an effect as seen it takes about 45 seeds, for the smallest that counts about 370.",
        ),
        (  # the same of a claim that there is no effect
            {"estimate": -0.0347, "low": -0.117, "high": 0.0548, "p": 0.032, "p_adjusted": 0.73, "denied": True},
            "Alone it would be decided for the claim (p 0.032); corrected for the number of claims it is not (p "
            "0.730). For an effect as seen it takes about 45 seeds, for the smallest that counts about 370.",
        ),
        (  # an interval that lies below what counts, and a test that asks for more than the estimate
            {"estimate": -0.0035, "low": -0.0061, "high": -0.0009, "p": 0.22, "p_adjusted": 1.0, "needed": 3},
            "The verdict is that of the test, t over seeds, and the interval of the estimate alone.",
        ),
        (  # as many as would tell the smallest effect are there
            {"estimate": 0.004, "low": -0.001, "high": 0.009, "p": 0.2, "p_adjusted": 1.0, "needed": 3, "n": 8},
            "in validation error, a - b. For an effect as seen it takes about 480 seeds.",
        ),
        (
            {"estimate": 0.777, "low": 0.635, "high": 0.92, "p": 0.002, "p_adjusted": 0.004, "lacks": "2 more seeds"},
            "Seen, with too few runs for a verdict. Estimate 77.7 points (95 % interval 63.5 to 92.0), in validation "
            "error, a - b. A verdict takes 2 more seeds, which may change what is seen.",
        ),
    ],
)
def test_an_open_claim_says_why_it_is_open(changed: dict[str, Any], said: str) -> None:
    given = {
        **{"claim": "c", "question": "q", "family": "plain", "explanation": "e", "source": "s", "test": "t over seeds"},
        **{"effect": "a lower error", "unit": "validation error, a - b", "n": 5, "margin": 0.005, "needed": 217},
        **{"verdict": Verdict.UNDECIDED, "claims": 10},
    }
    assert Finding(**{**given, **changed}).sentence.endswith(said)


def test_the_neutral_part_says_nothing_that_only_one_verdict_would_mean() -> None:
    for family, kind in KINDS:
        for one in found_in(family, kind):
            for word in ("would have helped", "got the same configurations", "which is Zhang", "must be"):
                assert word not in one.explanation


PAIRED = ("pairs of runs alike in all else", "shared seeds", "the same configurations", "that both were given")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("16 own configurations", "The best of 8 random configurations"),
        ("12 own configurations x 3 seeds", "The best of 6 random configurations"),
        ("16 shared configurations", "Over 16 pairs of runs alike in all else (16 configurations)"),
        ("12 shared configurations x 3 seeds", "Over 36 pairs of runs alike in all else (12 configurations)"),
        ("grid x 5 seeds", "Over 5 shared seeds, each at the best of the same 6 configurations"),
    ],
)
def test_what_was_compared_is_said_as_the_design_was(kind: str, said: str) -> None:
    """Nets that drew configurations of their own never got the same ones."""
    errors = [one for one in found_in("architectures", kind) if "lower validation error" in one.claim]
    assert len(errors) == 3
    for one in errors:
        assert one.explanation.startswith(said)
    if "own" in kind:
        for one in found_in("architectures", kind):
            words = f"{one.claim} {one.explanation} {one.sentence}"
            assert not [paired for paired in PAIRED if paired in words]


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_an_explanation_counts_what_the_test_counts(family: str, kind: str) -> None:
    for one in found_in(family, kind):
        for count, unit in re.findall(r"^Over (\d+) (seeds|configurations)\b", one.explanation):
            assert (int(count), unit) == (one.n, one.counted.value)
        for count in re.findall(r"\((\d+) configurations\)", one.explanation):
            assert int(count) == one.n


def test_a_claim_on_gradients_has_one_without_and_a_scale_of_whole_steps() -> None:
    claims = [one for one in found_in("gradients", "nothing, 3 seeds") if one.question == "gradients"]
    assert {one.claim for one in claims if "shortcuts" in one.claim}
    assert not [one.claim for one in claims if one.claim.count("without") > 1 or ", without" in one.claim]
    stalls = [one for one in claims if "lets nets train that stall otherwise" in one.claim]
    assert len(stalls) == 5
    assert all("nine tenths of the way to guessing" in one.explanation for one in stalls)
    assert "On the picture 1 less is a tenth of it" in QUESTIONS["gradients"].asked


def test_json_holds_the_sentence_and_the_population() -> None:
    one = found_in("degradation", "nothing, 5 seeds")[0]
    (row,) = to_json([one])
    assert (row["sentence"], row["population"], row["counted"]) == (one.sentence, one.population, one.counted.value)


def test_numbers_that_stand_beside_each_other_have_the_same_decimals() -> None:
    span = (1.1, 0.68, 1.51)
    assert [beside(one, span) for one in span] == ["1.10", "0.68", "1.51"]
    near = (0.0999, -0.103, 0.303)
    assert [beside(one, near) for one in near] == ["0.100", "-0.103", "0.303"]
    assert beside(5060.4, (5060.4, float("inf"))) == "5,060"
    assert (beside(0.0, (0.0,)), beside(2e-7, (2e-7,))) == ("0.00", "2e-07")
