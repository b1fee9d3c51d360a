"""Audits: what trials that ran in full say about the verdicts they would have had."""

import math

from hypothesis import given
from hypothesis import strategies as st

from fitscape.study.search.audit import Audit, Verdict, audit

SURE, UNSURE = Verdict("overfit", 0.99, False), Verdict("good", 0.6, False)
LABELS = st.sampled_from(["good", "overfit", "underfit"])
VERDICTS = st.builds(Verdict, LABELS, st.floats(0.25, 1), st.booleans())


def test_the_first_verdict_that_would_have_ended_a_trial_counts() -> None:
    late = Verdict("underfit", 0.999, False)
    seen = audit([([UNSURE, SURE, late], "overfit")] * 20, asked=0.98)
    assert (seen.stopped, seen.flipped, seen.unlabelled, seen.threshold) == (20, 0, 0, 0.98)
    assert audit([([UNSURE], "good")], asked=0.98).stopped == 0


def test_a_trial_that_would_have_ended_without_a_label_has_none_to_flip() -> None:
    enough = Verdict("good", 0.7, True)
    seen = audit([([enough, SURE], "overfit")] * 20, asked=0.98)
    assert (seen.stopped, seen.flipped, seen.unlabelled) == (0, 0, 20)
    assert math.isnan(seen.flip_rate)


def test_the_threshold_rises_to_where_labels_hold_and_stopping_ends_where_they_never_do() -> None:
    wrong, right = Verdict("good", 0.985, False), Verdict("overfit", 0.999, False)
    seen = audit([([wrong, right], "overfit")] * 20, asked=0.98)
    assert seen.threshold == 0.99
    assert (seen.stopped, seen.flipped) == (20, 0)
    never = audit([([Verdict("good", 1.0, False)], "overfit")] * 20, asked=0.98)
    assert never.threshold > 1
    assert never.flip_rate == 1
    assert "no trial is stopped any more" in never.text


@given(st.lists(st.tuples(st.lists(VERDICTS, max_size=5), LABELS), max_size=30), st.floats(0.6, 0.99))
def test_counts_are_of_the_audited_trials(ends: list[tuple[list[Verdict], str]], asked: float) -> None:
    seen = audit(ends, asked)
    assert isinstance(seen, Audit)
    assert 0 <= seen.flipped <= seen.stopped
    assert seen.stopped + seen.unlabelled <= len(ends)
    assert seen.threshold >= asked
