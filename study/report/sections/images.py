"""What the images say: errors of each class, classes that fail, labels that look wrong, and what was passed over."""

from typing import Any, Final

import numpy as np
from scipy.stats import beta

from fitscape.study.data.near_copies import ALIKE
from fitscape.study.ledger import LOOK_ALIKES, SUSPECTED
from fitscape.study.measures import confusion
from fitscape.study.records import ImageSet, Predictions, TrialRecord, TrialState
from fitscape.study.regimes import final_record
from fitscape.study.report import wording
from fitscape.study.report.section import Section
from fitscape.study.report.subject import Subject

NAMED: Final = 20  # suspected labels and rows of classes that are shown
LEVEL: Final = 0.9  # of a class's interval


def images(subject: Subject) -> dict[str, Any]:
    """``classes``: a row per class; ``suspects``: labels that every good net contradicts. Both of one study's
    validation images, and empty where it kept no predictions."""
    best, said = _best(subject)
    shown = None if best is None else subject.study.validation_of(best.config)
    rows = _classes(subject, shown, said) if shown is not None and said is not None else []
    return {
        "best": best.number if best else None,
        "rows": rows[:NAMED],
        "ended": best is not None,
        "left": len(rows) - len(rows[:NAMED]),
        "fails": [row["name"] for row in rows if row["fails"]],
        **_suspects(subject, best, said),
        "warnings": subject.provenance.get("data", {}).get("warnings", []),
        "look_alikes": subject.study.ledger.get_meta(LOOK_ALIKES, []),
        "alike": ALIKE,
    }


def _best(subject: Subject) -> tuple[TrialRecord | None, Predictions | None]:
    """The finished trial of the lowest validation error, and what it said."""
    ended = [(r.val_error, t) for t in subject.trials if t.state is TrialState.FINISHED and (r := final_record(t))]
    if not ended:
        return None, None
    trial = min(ended, key=lambda pair: pair[0])[1]
    return trial, subject.study.ledger.predictions(trial.trial_id)


def _classes(subject: Subject, images: ImageSet, said: Predictions) -> list[dict[str, Any]]:
    """Worst class first. One fails where its error is surely above the mean over classes."""
    counts = confusion(images.labels, said.classes, len(subject.classes))
    total = counts.sum(axis=1)
    wrong = total - counts.diagonal()
    there = total > 0
    mean = float(np.mean(wrong[there] / total[there]))
    trained = subject.provenance.get("data", {}).get("images_by_class", {}).get("train")
    rows = []
    for c in np.flatnonzero(there):
        others = np.where(np.arange(counts.shape[1]) == c, 0, counts[c])
        taken = int(others.argmax())
        low, high = beta(wrong[c] + 0.5, total[c] - wrong[c] + 0.5).interval(LEVEL)
        rows.append(
            {
                "name": subject.classes[c],
                "train": trained[c] if trained else None,
                "validation": int(total[c]),
                "at": float(wrong[c] / total[c]),
                "error": wording.percent(float(wrong[c] / total[c])),
                "interval": wording.interval(float(low), float(high)),
                "taken": f"{subject.classes[taken]} ({others[taken]})" if wrong[c] and taken < len(counts) else "",
                "fails": bool(low > mean),
            }
        )
    return sorted(rows, key=lambda row: -row["at"])


def _suspects(subject: Subject, best: TrialRecord | None, said: Predictions | None) -> dict[str, Any]:
    found, images = [] if subject.no_labels else subject.study.suspects, subject.study.validation
    if images is None or not found:
        return {"suspects": [], "suspected": 0, "share": ""}
    pictures = subject.study.ledger.get_meta(SUSPECTED, {})
    rows = [
        {
            "picture": pictures.get(str(s.image)),
            "image": images.names[s.image] if images.names else f"validation image {s.image}",
            "label": subject.classes[s.label],
            "called": subject.classes[s.called],
            "confidence": wording.probability(s.confidence),
        }
        for s in found[:NAMED]
    ]
    share = ""
    if said is not None and best is not None:
        asked = subject.study.rows_of(best.config)
        wrong = said.classes != images.labels[asked]
        mine = [s.image - asked.start for s in found if asked.start <= s.image < asked.stop]
        share = f"{int(wrong[mine].sum())} of the {int(wrong.sum())} errors of the best trial"
    return {"suspects": rows, "suspected": len(found), "share": share}


SECTION = Section("images", "What the images say", "Errors by image", lambda m: images(m.subject))
