"""Validation error against what a trial costs: the page's scripts draw it from the trials."""

from fitscape.study.records import TrialState
from fitscape.study.report.section import Section

SECTION = Section(
    "cost",
    "Error against cost",
    "Cost",
    lambda m: sum(t.state is TrialState.FINISHED for t in m.subject.trials) > 1,
    shown=bool,
)
