"""All findings of a study at once."""

import numpy as np
from planted import CHANCE, CLASSES, label_planted, planted_study

from fitscape.study.findings import QUESTIONS, Context, Verdict, all_findings

CONTEXT = Context(classes=CLASSES, chance_error=CHANCE)


def test_only_questions_whose_data_are_there_are_answered() -> None:
    assert all_findings([], [], CONTEXT) == []
    trials, _ = planted_study(np.random.default_rng(0))
    found = all_findings(trials, label_planted(trials).values(), CONTEXT)
    assert {f.question for f in found} <= set(QUESTIONS)
    assert {"degradation", "memorization"} <= {f.question for f in found}
    assert "double_descent" not in {f.question for f in found}


def test_degradation_survives_correction_over_the_whole_study() -> None:
    trials, _ = planted_study(np.random.default_rng(0))
    found = all_findings(trials, label_planted(trials).values(), CONTEXT)
    deeper = next(f for f in found if f.claim.startswith("Degradation: plain56"))
    assert deeper.verdict is Verdict.SUPPORTED
    assert deeper.p_adjusted is not None
    assert deeper.p_adjusted > deeper.p


def test_findings_do_not_depend_on_the_order_of_trials() -> None:
    trials, _ = planted_study(np.random.default_rng(0))
    labels = label_planted(trials)
    forward = all_findings(trials, labels.values(), CONTEXT)
    backward = all_findings(trials[::-1], labels.values(), CONTEXT)
    assert forward == backward


def test_one_question_can_be_asked_alone() -> None:
    trials, _ = planted_study(np.random.default_rng(0))
    found = all_findings(trials, label_planted(trials).values(), CONTEXT, questions=["degradation"])
    assert {f.question for f in found} == {"degradation"}
