"""Records -> claims with tests: what a study says about the field's claims, and how surely.

Pure functions. Each finding carries an estimate with its interval, the test, how many seeds would decide it and
the verdict in plain words.
"""

from fitscape.study.findings.architectures import tuning_curves
from fitscape.study.findings.context import Context, Labels, Question
from fitscape.study.findings.correction import Method, correct
from fitscape.study.findings.double_descent import WidthCurve, width_curves
from fitscape.study.findings.duels import Duel, arms, duels
from fitscape.study.findings.finding import Evidence, Finding, Verdict, about, to_json
from fitscape.study.findings.frontier import Frontier, trainability_frontier
from fitscape.study.findings.questions import QUESTIONS, all_findings, questions_of
from fitscape.study.findings.tuning import TuningCurve, tuning_curve
from fitscape.study.findings.twins import Errors, Twins, learning_stages, scratch_twins

__all__ = [
    "QUESTIONS",
    "Context",
    "Duel",
    "Errors",
    "Evidence",
    "Finding",
    "Frontier",
    "Labels",
    "Method",
    "Question",
    "TuningCurve",
    "Twins",
    "Verdict",
    "WidthCurve",
    "about",
    "all_findings",
    "arms",
    "correct",
    "duels",
    "learning_stages",
    "questions_of",
    "scratch_twins",
    "to_json",
    "trainability_frontier",
    "tuning_curve",
    "tuning_curves",
    "width_curves",
]
