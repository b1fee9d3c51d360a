"""Every question that a study's records may answer. A new one is one file and one line here."""

from collections.abc import Iterable
from typing import Final

from fitscape.study.findings import (
    architectures,
    degradation,
    double_descent,
    early_overfit,
    finetune,
    gradients,
    memorization,
    recommendation,
)
from fitscape.study.findings.context import Context, Question
from fitscape.study.findings.correction import correct, over_folds
from fitscape.study.findings.finding import Finding
from fitscape.study.records import Label, TrialRecord

_MODULES = (
    *(degradation, gradients, architectures, recommendation),
    *(memorization, double_descent, early_overfit, finetune),
)
QUESTIONS: Final[dict[str, Question]] = {module.QUESTION.name: module.QUESTION for module in _MODULES}


def questions_of(recipe: str | None) -> tuple[str, ...]:
    """Names of the questions of a study: its recipe's own, or all."""
    return (recipe,) if recipe in QUESTIONS else tuple(QUESTIONS)


def all_findings(
    trials: Iterable[TrialRecord], labels: Iterable[Label], context: Context, *, questions: Iterable[str] = QUESTIONS
) -> list[Finding]:
    """What the records say to every question whose data are there, p values adjusted over all of them."""
    trials = list(trials)
    by_id = {one.trial_id: one for one in labels}
    found = [f for name in questions for f in QUESTIONS[name].answer(trials, by_id, context)]
    return correct([over_folds(one, context.overlap) for one in found], context.correction)
