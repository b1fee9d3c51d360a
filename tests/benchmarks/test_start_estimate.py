"""The benchmark of the estimate at the start reads what a study says."""

import pytest

from benchmarks.start_estimate import _since, read
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.scheduling.estimate import describe
from fitscape.study.search.cost import Work

WORK = Work(1000, 200, 300, (1, 8, 8), 10)


def test_the_words_of_a_study_are_read_in_seconds() -> None:
    base = TrialConfig().with_hyperparameters({"epochs": 5, "width": 0.25})
    config = StudyConfig(name="s", base=base, search={"trials": 40})
    timed = [
        [base.model_dump(mode="json"), 3 * each, each] for each in (2.0 / (3 * WORK.seen(base) + WORK.evaluated(base)),)
    ]
    assert read(f"12:00 expected: {describe(config, WORK, timed, 4, 40)}\n") == (10.0, 90.0, 4)
    with pytest.raises(ValueError, match="no estimate in: nothing"):
        read("nothing")


def test_what_a_worker_did_before_the_first_trial_does_not_count() -> None:
    looks = [(1.0, 2.0), (2.0, 3.0), (3.0, 7.0)]
    assert _since(2.5, looks) == 4.0
    assert _since(0.0, looks) == 5.0
