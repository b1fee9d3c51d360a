"""Findings as rows: claim, estimate, interval, test, verdict, explanation."""

import math
from typing import Any, Final

from fitscape.study.findings import QUESTIONS, Finding, Verdict, about, degradation, questions_of
from fitscape.study.findings.context import by_configuration, drawn_alike, ended
from fitscape.study.findings.finding import said_p
from fitscape.study.report import wording
from fitscape.study.report.section import Section
from fitscape.study.report.sections.questions import LOOKS, claimed, questions, verdict
from fitscape.study.report.subject import Subject

DEPTH: Final = "claims about depth"  # a family of its own, as the flag of trials follows them


def findings(subject: Subject) -> list[dict[str, Any]]:
    """Decided ones first, then what was seen with too few runs, each in the order of the questions."""
    return [_row(f) for f in sorted(subject.findings, key=lambda f: (f.verdict is Verdict.UNDECIDED, not f.lacks))]


def _row(f: Finding) -> dict[str, Any]:
    p = f.p if f.p_adjusted is None else f.p_adjusted
    points = " points" if f.in_points else ""
    said, glyph = LOOKS[verdict(f)]
    needed = f.to_tell_the_least if f.verdict is Verdict.UNDECIDED and not f.lacks else None
    return {
        "claim": claimed(f),
        "question": QUESTIONS[f.question].title,
        "verdict": said,
        "open": said == Verdict.UNDECIDED.value,
        "glyph": glyph,
        "estimate": f"{f.figure(f.estimate)}{points}",
        "interval": f"{f.figure(f.low)} to {f.figure(f.high)}",
        "unit": wording.nets(f.unit),
        "test": f.test,
        "p": _p(f.p),
        "corrected": _p(p) if math.isnan(p) else f"{_p(p)} ({_among(f)})",
        "tested": not f.lacks,
        "n": f.n,
        "sentence": wording.nets(f.sentence),
        "explanation": wording.nets(f.explanation),
        "population": f.population,
        "source": f.source,
        "counted": f.units,
        "needed": None if needed is None else about(needed),
    }


def _among(f: Finding) -> str:
    """The claims that a p value was corrected for."""
    about_depth = f.question == degradation.QUESTION.name
    return DEPTH if about_depth else f"{f.claims} claim{'s' if f.claims > 1 else ''}"


def _p(p: float) -> str:
    return wording.NOT_MEASURED if math.isnan(p) else said_p(p)


def _corrected(subject: Subject) -> str:
    """How verdicts are corrected for their number, in words."""
    held = (
        "Holm's, which keeps the chance of any wrong verdict below 5 %"
        if subject.context.correction == "holm"
        else "Benjamini and Hochberg's, which keeps the share of wrong verdicts below 5 %"
    )
    depth = any(f.question == degradation.QUESTION.name for f in subject.findings)
    others = [f for f in subject.findings if f.question != degradation.QUESTION.name and not math.isnan(f.p)]
    if not others:
        return f"A verdict must survive a correction for the number of {DEPTH} (Holm's)." if depth else ""
    count = f"{len(others)} {'other ' * depth}claim{'s' if len(others) > 1 else ''}"
    apart = f" {wording.sentence(DEPTH)} are corrected among themselves (Holm's)." * depth
    return f"A verdict must survive a correction for the {count} tested ({held}).{apart}"


def _sampled(subject: Subject) -> str:
    """How many of the configurations may speak for the space, which most claims on few runs need."""
    every = by_configuration(ended(subject.trials))
    drawn = by_configuration(drawn_alike(ended(subject.trials)))
    return (
        f"Of {len(every)} configurations that came to their end, {len(drawn)} were drawn without looking at results; "
        "the sampler or the user chose the others."
    )


def built(subject: Subject) -> dict[str, Any]:
    """What the section shows; ``takes`` and ``sampled`` where no claim was tested."""
    none = not subject.findings and not subject.no_labels
    asked = [QUESTIONS[name] for name in questions_of(subject.config.recipe)]
    return {
        "claims": findings(subject),
        "questions": questions(subject),
        "left_out": subject.study.left_out,
        "corrected": _corrected(subject) if subject.findings else "",
        "sampled": _sampled(subject) if none else "",
        "takes": {q.title: q.takes or q.needs for q in asked} if none else {},
    }


SECTION = Section("findings", "Findings", "Findings", lambda m: built(m.subject))
