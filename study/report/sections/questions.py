"""What was asked of the study and what came out, a paragraph and a picture per question."""

import base64
from typing import Final, TypedDict

from fitscape.study.files import StudyFolder
from fitscape.study.findings import QUESTIONS, Finding, Verdict
from fitscape.study.report import wording
from fitscape.study.report.subject import Subject

DRAWN_ABOVE: Final = "degradation"  # as a figure of its own
MOST: Final = 12  # claims that an answer names, where no more are decided
UNTESTED: Final = "too few runs"  # what the study saw and cannot judge
LOOKS: Final = {  # what is said of a verdict, and its glyph
    Verdict.SUPPORTED.value: ("supported", "✓"),
    Verdict.CONTRADICTED.value: ("contradicted", "✗"),
    Verdict.UNDECIDED.value: ("undecided", "?"),
    UNTESTED: (UNTESTED, "–"),
}


class Answer(TypedDict):
    """What came of one claim, in a line."""

    verdict: str
    glyph: str
    claim: str
    figures: str


class Told(TypedDict):
    """One question of the page."""

    title: str
    asked: str
    outcome: str
    answer: str
    answers: list[Answer]  # of the claims that answer the title: all decided ones, and others up to ``MOST``
    beside: list[Answer]  # of the other claims those that are decided
    listed: str  # how many of all claims these are, where they are not all
    picture: str  # data URI; empty where there is none


def questions(subject: Subject) -> list[Told]:
    """In the order of the findings, those that have any. Pictures are taken from the report's folder."""
    found: dict[str, list[Finding]] = {}
    for finding in subject.findings:
        found.setdefault(finding.question, []).append(finding)
    return [_told(subject, name, of) for name, of in found.items()]


def _told(subject: Subject, name: str, found: list[Finding]) -> Told:
    question = QUESTIONS[name]
    main = [f for f in found if any(part in f.claim for part in question.main)] or found
    ranked = sorted(main, key=lambda f: (f.verdict is Verdict.UNDECIDED, not f.lacks))
    decided = [f.verdict is not Verdict.UNDECIDED for f in ranked]
    answers = ranked[: max(MOST, sum(decided))]
    beside = [f for f in found if f not in main and f.verdict is not Verdict.UNDECIDED]
    return {
        "title": question.title,
        "asked": question.asked,
        "outcome": counted([verdict(f) for f in found]),
        "answer": in_short([verdict(f) for f in main]),
        "answers": list(map(_line, answers)),
        "beside": list(map(_line, beside)),
        "listed": _listed(len(answers), len(beside), len(found)),
        "picture": _uri(subject, name),
    }


def _listed(main: int, beside: int, claims: int) -> str:
    if main + beside == claims:
        return ""
    others = f", and {beside} more with a verdict" if beside else ""
    return f"Listed: the main {main} of {claims} claims{others}. All follow below."


def verdict(one: Finding) -> str:
    return UNTESTED if one.lacks and one.verdict is Verdict.UNDECIDED else one.verdict.value


def counted(verdicts: list[str]) -> str:
    tested = [v for v in verdicts if v != UNTESTED]
    parts = [f"{tested.count(v)} {v.value}" for v in Verdict if v.value in tested]
    parts += [f"{verdicts.count(UNTESTED)} with {UNTESTED}"] if UNTESTED in verdicts else []
    return f"{len(verdicts)} claim{'s' if len(verdicts) > 1 else ''}: " + ", ".join(parts)


def in_short(verdicts: list[str]) -> str:
    """Of the claims that answer the title, in a few words."""
    alone = set(verdicts)
    claims, are = ("claims", "are") if len(verdicts) > 1 else ("claim", "is")
    if len(alone) == 1:
        return {
            Verdict.SUPPORTED.value: f"the main {claims} {are} supported",
            Verdict.CONTRADICTED.value: f"the main {claims} {are} contradicted",
            Verdict.UNDECIDED.value: "not decided",
            UNTESTED: "seen, with too few runs for a verdict",
        }[alone.pop()]
    if alone <= {Verdict.UNDECIDED.value, UNTESTED}:
        return "not decided"
    return "decided in part"


def _line(one: Finding) -> Answer:
    name, glyph = LOOKS[verdict(one)]
    points = " points" if one.in_points else ""
    sign = "+" if one.estimate > 0 else ""
    return {
        "verdict": name,
        "glyph": glyph,
        "claim": claimed(one),
        "figures": f"{sign}{one.figure(one.estimate)}{points} (95 % interval {one.figure(one.low)} to "
        f"{one.figure(one.high)}), {wording.nets(one.unit)}",
    }


def claimed(one: Finding) -> str:
    """The claim as a sentence, without its topic."""
    claim = wording.nets(one.said)
    return claim if claim.startswith("plain") else wording.sentence(claim)


def _uri(subject: Subject, question: str) -> str:
    file = StudyFolder(subject.study.folder).figures / f"{question}.png"
    if question == DRAWN_ABOVE or not file.is_file():
        return ""
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode("ascii")
