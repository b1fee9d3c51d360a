"""The images themselves: what each class looks like, how many there are, and what could not be read."""

from typing import Any, Final

from fitscape.study.ledger import PORTRAITS
from fitscape.study.report.section import Section
from fitscape.study.report.subject import Subject

NAMED: Final = 5  # files that cannot be read


def pictures(subject: Subject) -> dict[str, Any]:
    """``classes``: a row per class with its pictures, where the run kept any (0.1.0 did not, a study that was read has
    none)."""
    data = subject.provenance.get("data", {})
    counts, known = data.get("images_by_class", {}), {row["name"]: row for row in _kept(subject)}
    rows = [
        {
            "name": name,
            "mean": known[name]["mean"],
            "examples": known[name]["examples"],
            "train": counts["train"][c] if "train" in counts else None,
            "validation": counts["validation"][c] if "validation" in counts else None,
        }
        for c, name in enumerate(subject.classes)
        if name in known
    ]
    unreadable = data.get("unreadable", ())
    return {
        "classes": rows,
        "more": len(subject.classes) - len(rows),
        "unreadable": unreadable[:NAMED],
        "unread": len(unreadable),
        "sizes": data.get("sizes", ""),
    }


def _kept(subject: Subject) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = subject.study.ledger.get_meta(PORTRAITS, [])
    return found


SECTION = Section(
    "pictures", "The images", "Images", lambda m: pictures(m.subject), shown=lambda built: bool(built["classes"])
)
