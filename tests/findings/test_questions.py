"""All findings of a study at once."""

import numpy as np
from planted import CHANCE, CLASSES, label_planted, planted_study

from fitscape.study.findings import QUESTIONS, Context, Verdict, all_findings
from fitscape.study.regimes import depth_pairs, depth_tests

CONTEXT = Context(classes=CLASSES, chance_error=CHANCE)


def test_only_questions_whose_data_are_there_are_answered() -> None:
    assert all_findings([], [], CONTEXT) == []
    trials, _ = planted_study(np.random.default_rng(0))
    found = all_findings(trials, label_planted(trials).values(), CONTEXT)
    assert {f.question for f in found} <= set(QUESTIONS)
    assert {"degradation", "memorization"} <= {f.question for f in found}
    assert "double_descent" not in {f.question for f in found}


def test_degradation_is_corrected_over_the_pairs_of_depths_as_the_flag_is() -> None:
    trials, _ = planted_study(np.random.default_rng(0))
    labels = label_planted(trials)
    deeper = next(
        f for f in all_findings(trials, labels.values(), CONTEXT) if f.claim.startswith("Degradation: plain56")
    )
    assert deeper.verdict is Verdict.SUPPORTED
    tests = depth_tests(depth_pairs(trials, classes=CLASSES, chance_error=CHANCE))
    assert deeper.p_adjusted in [test.p_adjusted for test in tests if test.degraded]
    assert {i for i, one in labels.items() if "degraded" in one.flags} == {
        trial.trial_id for test in tests if test.degraded for trial in test.pair.deep_trials
    }


def test_the_claims_that_answer_a_title_are_those_that_it_asks_about() -> None:
    trials, _ = planted_study(np.random.default_rng(0))
    found = all_findings(trials, label_planted(trials).values(), CONTEXT, questions=["degradation"])
    (asked,) = QUESTIONS["degradation"].main
    main = [f.said for f in found if asked in f.claim]
    assert main
    assert all("to a higher error than" in claim for claim in main)
    assert asked not in "Degradation: gradients do not vanish in plain56"


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
