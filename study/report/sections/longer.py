"""Whether nets may simply not have been trained for long enough, and what the study can say of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fitscape.study.report.effort import in_words, planned
from fitscape.study.report.expense import Expense
from fitscape.study.report.subject import Subject

FEW: Final = 10.0  # passes over the images: nets that saw fewer may still be learning
MOST: Final = 0.5  # of the validation error that is training error, from which learning is what is missing


def longer(subject: Subject, point: Mapping[str, Any], train_error: float, val_error: float) -> dict[str, Any] | None:
    """``first``: longer training comes before all else; ``seen``: steps and passes of the net; ``twice``: the time of
    a run of twice the steps, empty where it is not known; ``falls``: its rate fell over the run, so that an
    earlier epoch is no shorter run and says nothing of a longer one.

    First where the net saw few passes and most of its error is training error. None where training time was searched,
    so that the study knows, or where steps are not known.
    """
    base = subject.config.base
    if base.model.read or {"epochs", "steps_per_epoch"} & set(subject.space):
        return None
    net = base.with_hyperparameters(dict(point))
    effort = planned(subject, net)
    if effort is None:
        return None
    few = effort[1] < FEW
    spent = Expense(subject).spent(point)
    return {
        "seen": in_words(*effort),
        "few": few,
        "twice": replace(spent, seconds=2 * spent.seconds).about if spent and spent.runs else "",
        "first": few and train_error >= MOST * val_error,
        "falls": net.optimization.schedule != "constant",
    }
