"""Findings as rows: claim, estimate, interval, test, verdict, explanation."""

import math
from typing import Any

from fitscape.study.findings import Finding, Verdict, about
from fitscape.study.report import wording
from fitscape.study.report.section import Section
from fitscape.study.report.sections.questions import questions
from fitscape.study.report.subject import Subject

GLYPHS = {Verdict.SUPPORTED: "✓", Verdict.CONTRADICTED: "✗", Verdict.UNDECIDED: "?"}


def findings(subject: Subject) -> list[dict[str, Any]]:
    """Decided ones first, in the order of the questions."""
    order = [Verdict.CONTRADICTED, Verdict.SUPPORTED, Verdict.UNDECIDED]
    decided = sorted(subject.findings, key=lambda f: order.index(f.verdict) == len(order) - 1)
    return [_row(f) for f in decided]


def _row(f: Finding) -> dict[str, Any]:
    p = f.p if f.p_adjusted is None else f.p_adjusted
    return {
        "claim": wording.nets(f.claim),
        "verdict": f.verdict.value,
        "glyph": GLYPHS[f.verdict],
        "estimate": wording.number(f.estimate),
        "interval": f"{wording.number(f.low)} to {wording.number(f.high)}",
        "unit": wording.nets(f.unit),
        "test": f.test,
        "p": "below 0.001" if p < 0.001 else wording.NOT_MEASURED if math.isnan(p) else f"{p:.3f}",
        "n": f.n,
        "sentence": wording.nets(f.sentence),
        "explanation": wording.nets(f.explanation),
        "population": f.population,
        "source": f.source,
        "counted": f.counted.value,
        "needed": about(f.needed) if f.needed is not None and f.verdict is Verdict.UNDECIDED else None,
    }


SECTION = Section(
    "findings",
    "Findings",
    "Findings",
    lambda m: {
        "claims": findings(m.subject),
        "questions": questions(m.subject),
        "left_out": m.subject.study.left_out,
    },
)
