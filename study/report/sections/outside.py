"""What was run outside of the searched space: it was no candidate, so the recommendation does not speak of it."""

from collections.abc import Iterator
from typing import Any, Final

from fitscape.study.records import TrialRecord
from fitscape.study.report import wording
from fitscape.study.report.sections.trained import finished, measured
from fitscape.study.report.subject import Subject
from fitscape.study.search.space import holds

NAMED: Final = 4  # values of one hyperparameter


def outside(subject: Subject) -> dict[str, Any] | None:
    """How many trials lie outside, ``by`` which values, and the ``best`` configuration of them, by the mean of its
    seeds; None where all lie inside."""
    trials = [t for t, inside in zip(subject.trials, subject.inside, strict=True) if not inside]
    if not trials:
        return None
    found = list(finished(trials).values())
    return {
        "n": len(trials),
        "of": len(subject.trials),
        "by": "; ".join(_by(subject, trials)),
        "best": _best(subject, found) if found else None,
    }


def _by(subject: Subject, trials: list[TrialRecord]) -> Iterator[str]:
    """``weights none``, ``architecture plain-20, plain-56``: values that were not searched."""
    for name, distribution in subject.space.items():
        values = dict.fromkeys(subject.hyperparameter(t, name) for t in trials)
        new = [wording.value_if_set(name, value) for value in values if not holds(distribution, value)]
        if new:
            more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
            yield f"{wording.hyperparameter(name)} {', '.join(new[:NAMED])}{more}"


def _best(subject: Subject, found: list[list[TrialRecord]]) -> dict[str, Any]:
    runs = min(found, key=lambda runs: measured(runs)["mean"])
    return {
        "net": wording.net(runs[0].config.model.name),
        "setting": wording.setting(subject.point(runs[0]), digits=2),
        **measured(runs),
    }
