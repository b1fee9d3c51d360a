"""Which hyperparameters matter for the validation error."""

from typing import Any

from fitscape.study.report import wording
from fitscape.study.report.section import Section
from fitscape.study.report.subject import Subject


def hyperparameters(subject: Subject) -> list[dict[str, Any]]:
    """A row a searched hyperparameter, most important first; empty without a map."""
    return [
        {
            "name": wording.hyperparameter(str(name)),
            "share": round(float(row["share"]), 4),
            "low": round(float(row["low"]), 4),
            "high": round(float(row["high"]), 4),
            "text": f"{wording.percent(row['share'])} ({wording.interval(row['low'], row['high'])})",
        }
        for name, row in subject.importance.iterrows()
    ]


SECTION = Section(
    "hyperparameters",
    "Which hyperparameters matter",
    "Hyperparameters",
    lambda m: hyperparameters(m.subject),
    scripted=True,
    shown=bool,
)
