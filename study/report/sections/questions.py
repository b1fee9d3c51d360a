"""What was asked of the study and what came out, a paragraph and a picture a question."""

import base64
from typing import Final, TypedDict

from fitscape.study.findings import Verdict
from fitscape.study.report.subject import Subject

# Question -> title and, in plain words, what is asked and how to read the picture.
ASKED: Final = {
    "degradation": (
        "Do deeper nets train worse?",
        "Each net is compared with its shallowest twin on the training images themselves. A deeper net could copy the "
        "shallower one, so a higher training error means that it is harder to train (degradation). Overfitting would "
        "show the other way round: a low training error and a high error on unseen images. The figure is above, under "
        "the heading on depth.",
    ),
    "gradients": (
        "What keeps gradients alive?",
        "Nets that differ in one remedy only (initialization, normalization, shortcuts) are compared by how much "
        "gradient arrives at the first layer, and by whether they train at all. On the picture each step down is a "
        "tenth of it; -12 stands for that and less.",
    ),
    "architectures": (
        "Which architecture is better at the same effort?",
        "Architectures are compared at the same configurations and seeds where the design has them, else as samples of "
        "the same space; each finding says which. The picture shows the error to expect from the best of so many "
        "configurations, chosen on one half of validation and judged on the other.",
    ),
    "regimes": (
        "What helps: data, capacity or regularization?",
        "Over the space that was run, how the odds of an error on unseen images change when one hyperparameter is "
        "moved and the others are held. The map shows where that is so.",
    ),
    "memorization": (
        "Can the nets learn labels that mean nothing?",
        "Labels were replaced by random ones. A net that fits those has learned the images by heart: its low training "
        "error says nothing about unseen images, where it can only guess.",
    ),
    "double_descent": (
        "Is a middling size the worst?",
        "Nets of rising width on the same images. Double descent is a validation error that rises towards the width "
        "which just fits the training labels and falls again beyond it.",
    ),
    "early_overfit": (
        "Would stopping earlier have been better?",
        "Each net is judged at its last epoch and at the one that is best for other runs, chosen on one half of "
        "validation, both on the other half: the lowest point of its own curve would lie below its end by chance. "
        "A loss that rises without the error is overconfidence, not worse decisions.",
    ),
}  # fmt: skip
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
        {"title": ASKED[name][0], "asked": ASKED[name][1], "outcome": _outcome(found), "picture": _uri(subject, name)}
        for name, found in verdicts.items()
    ]


def _outcome(verdicts: list[Verdict]) -> str:
    claims = f"{len(verdicts)} claim{'s' if len(verdicts) > 1 else ''} tested"
    return f"{claims}: " + ", ".join(f"{verdicts.count(v)} {v.value}" for v in Verdict if v in verdicts)


def _uri(subject: Subject, question: str) -> str:
    file = subject.study.folder / "report" / "figures" / f"{question}.png"
    if question == DRAWN_ABOVE or not file.is_file():
        return ""
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode("ascii")
