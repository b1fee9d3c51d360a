"""How often a study makes a claim that is false of what was planted in it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.statistics.planted import families
from benchmarks.statistics.planted.study import CONTEXT, Planted
from fitscape.study.findings import Finding, Verdict, all_findings
from fitscape.study.findings.early_overfit import ERROR_MARGIN
from fitscape.study.findings.recommendation import MARGIN as ODDS

# Smallest effect worth the name, by part of a claim; elsewhere 0.
MARGINS = {
    "helps": ODDS,
    "as many": ODDS,
    "reaches a lower validation error": 0.005,
    "peaks at": 0.01,
    "validation loss": 0.10,
    "validation error than at": ERROR_MARGIN,
    "lets nets train": 0.05,
    "larger": 0.1,
    "reach the first": 0.1,
    "lowers the validation error": 0.005,
    "Degradation: gradients": 0.0,
    "Degradation": 0.01,
}


QUESTION = {"what_helps": "regimes"}  # name of the question, where it is not that of the family


@dataclass(frozen=True)
class Study:
    """What came of one study: how many claims it judged, and which of the decided ones are false."""

    family: str
    kind: str
    seed: int
    claims: int
    decided: int
    wrong: list[str]


def run(family: str, kind: str, seed: int) -> Study:
    """Plant one study, ask every question of it, and read the verdicts, all corrected as in a report."""
    planted: Planted = families()[family][kind](np.random.default_rng([seed, _number(family, kind)]))
    found = all_findings(planted.trials, planted.labels.values(), CONTEXT, questions=[QUESTION.get(family, family)])
    judged = [(f, effect) for f in found if (effect := planted.effect(f.claim)) is not None]
    return Study(
        family=family,
        kind=kind,
        seed=seed,
        claims=len(judged),
        decided=sum(f.verdict is not Verdict.UNDECIDED for f, _ in judged),
        wrong=[f.claim for f, effect in judged if is_wrong(f, effect)],
    )


def is_wrong(finding: Finding, effect: float) -> bool:
    """The verdict says that there is an effect and there is none, or that there is none that counts and there is."""
    if finding.verdict is Verdict.UNDECIDED:
        return False
    if (finding.verdict is Verdict.SUPPORTED) == denies(finding.claim):
        return effect >= margin(finding.claim) - 1e-12
    return effect <= 1e-12


def denies(claim: str) -> bool:
    """The claim is that there is no effect."""
    return "does not train to a higher error" in claim or "raise no alarm" in claim


def margin(claim: str) -> float:
    return next((m for part, m in MARGINS.items() if part in claim), 0.0)


def rates(studies: Iterable[Study]) -> dict[tuple[str, str], tuple[int, float, float, float]]:
    """(family, kind) -> studies, share with any wrong claim, its standard error, share of claims decided."""
    groups: dict[tuple[str, str], list[Study]] = {}
    for one in studies:
        groups.setdefault((one.family, one.kind), []).append(one)
    found = {}
    for key, group in groups.items():
        wrong = float(np.mean([bool(one.wrong) for one in group]))
        decided = sum(one.decided for one in group) / max(sum(one.claims for one in group), 1)
        found[key] = (len(group), wrong, float(np.sqrt(max(wrong * (1 - wrong), 0.0) / len(group))), decided)
    return found


def _number(family: str, kind: str) -> int:
    """A number of the kind that does not change with the order of kinds."""
    return int.from_bytes(f"{family}/{kind}".encode()[-7:], "big") + len(kind)
