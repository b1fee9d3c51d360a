"""Every question that a study's records may answer. A new one is one file and one line here."""

from collections.abc import Iterable
from typing import Final

from fitscape.study.findings.architectures import architectures
from fitscape.study.findings.context import Context, Question
from fitscape.study.findings.degradation import degradation
from fitscape.study.findings.double_descent import double_descent
from fitscape.study.findings.early_overfit import early_overfit
from fitscape.study.findings.finding import Finding, correct
from fitscape.study.findings.gradients import gradients
from fitscape.study.findings.memorization import memorization
from fitscape.study.findings.recommendation import what_helps
from fitscape.study.records import Label, TrialRecord

QUESTIONS: Final[dict[str, Question]] = {
    "degradation": degradation,
    "gradients": gradients,
    "architectures": architectures,
    "regimes": what_helps,
    "memorization": memorization,
    "double_descent": double_descent,
    "early_overfit": early_overfit,
}


def all_findings(
    trials: Iterable[TrialRecord], labels: Iterable[Label], context: Context, *, questions: Iterable[str] = QUESTIONS
) -> list[Finding]:
    """What the records say to every question whose data are there, p values adjusted over all of them."""
    trials = list(trials)
    by_id = {one.trial_id: one for one in labels}
    found = [f for name in questions for f in QUESTIONS[name](trials, by_id, context)]
    return correct(found, context.correction)
