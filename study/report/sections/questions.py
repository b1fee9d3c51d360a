"""What was asked of the study and what came out, a paragraph and a picture per question."""

import base64
from typing import Final, TypedDict

from fitscape.study.files import StudyFolder
from fitscape.study.findings import QUESTIONS, Verdict
from fitscape.study.report.subject import Subject

DRAWN_ABOVE: Final = "degradation"  # as a figure of its own


class Told(TypedDict):
    """One question of the page."""

    title: str
    asked: str
    outcome: str
    picture: str  # data URI; empty where there is none


def questions(subject: Subject) -> list[Told]:
    """In the order of the findings, those that have any. Pictures are taken from the report's folder."""
    verdicts: dict[str, list[Verdict]] = {}
    for finding in subject.findings:
        verdicts.setdefault(finding.question, []).append(finding.verdict)
    return [
        {
            "title": QUESTIONS[name].title,
            "asked": QUESTIONS[name].asked,
            "outcome": _outcome(found),
            "picture": _uri(subject, name),
        }
        for name, found in verdicts.items()
    ]


def _outcome(verdicts: list[Verdict]) -> str:
    claims = f"{len(verdicts)} claim{'s' if len(verdicts) > 1 else ''} tested"
    return f"{claims}: " + ", ".join(f"{verdicts.count(v)} {v.value}" for v in Verdict if v in verdicts)


def _uri(subject: Subject, question: str) -> str:
    file = StudyFolder(subject.study.folder).figures / f"{question}.png"
    if question == DRAWN_ABOVE or not file.is_file():
        return ""
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode("ascii")
