"""Learning curves: the page's scripts draw them from the trials, so that only their absence is said here."""

from fitscape.study.report.section import Section

SECTION = Section("curves", "Learning curves", "Curves", lambda m: any(t.epochs for t in m.subject.trials))
