"""What moving one hyperparameter from the recommended net would bring, and what of that the study cannot know."""

from typing import Any, Final

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import AdvisedChange, steps
from fitscape.study.report import wording
from fitscape.study.report.expense import Expense

SURE: Final = 0.8  # probability from which a change is said to help
MORE: Final = {  # hyperparameter -> what a higher and a lower value is called
    "train_fraction": ("more data", "less data"),
    "width": ("more capacity (width)", "less capacity (width)"),
    "depth": ("more depth", "less depth"),
    "weight_decay": ("more regularization (weight decay)", "less regularization (weight decay)"),
    "dropout": ("more regularization (dropout)", "less regularization (dropout)"),
    "lr": ("a higher learning rate", "a lower learning rate"),
    "epochs": ("longer training", "shorter training"),
    "label_noise": ("more wrong labels", "fewer wrong labels"),
    "batch_size": ("larger batches", "smaller batches"),
}
ASKED: Final = {  # hyperparameters whose moves everybody asks for
    "train_fraction": "more data",
    "width": "more capacity (width)",
    "weight_decay": "more regularization (weight decay)",
    "lr": "another learning rate",
    "epochs": "longer training",
}


def changes(
    fitted: RegimeMap, point: dict[str, Any], expense: Expense, images: dict[str, Any] | None
) -> dict[str, Any]:
    """``moves``, surest gain first; of them the one that ``helps``; whether any is expected to ``lower`` the error
    here; what the last doubling of the ``data`` brought; and what is ``unknown``, because it was not searched.

    Args:
        images: what more images would bring (:func:`.more_images`); None where that is not known.
    """
    told = steps(fitted, point)
    all_seen = images is not None and images.get("all_seen", False)
    known = {name for name, one in fitted.encoder.space.items() if not one.single()} | (
        {"train_fraction"} if all_seen else set()
    )
    moves = [_move(fitted, step) | {"time": expense.seconds(_moved(point, step))} for step in told]
    helping = [m for m in moves if m["lowers"] >= SURE and m["change"] > 0]
    shown = [m for m in moves if m["key"] != "train_fraction" or m["up"]]
    return {
        "moves": shown,
        "helps": helping[0] if helping else None,
        "lower": any(m["change"] > 0 for m in shown),
        "data": None if all_seen else _data(fitted, told, images),
        "unknown": [name for key, name in ASKED.items() if not {key} & known],
    }


def _moved(point: dict[str, Any], step: AdvisedChange) -> dict[str, Any]:
    whole = isinstance(point[step.hyperparameter], int)
    return {**point, step.hyperparameter: round(step.after) if whole else step.after}


def _move(fitted: RegimeMap, step: AdvisedChange) -> dict[str, Any]:
    names = MORE.get(
        step.hyperparameter,
        (
            f"a higher {wording.hyperparameter(step.hyperparameter)}",
            f"a lower {wording.hyperparameter(step.hyperparameter)}",
        ),
    )
    up = step.after > step.before
    return {
        "key": step.hyperparameter,
        "up": up,
        "name": names[0] if up else names[1],
        "hyperparameter": wording.hyperparameter(step.hyperparameter),
        "before": wording.value(step.hyperparameter, step.before),
        "after": wording.value(step.hyperparameter, step.after),
        "error_before": wording.from_floor(step.error_before, fitted.cuts.least),
        "error_after": wording.from_floor(step.error_after, fitted.cuts.least),
        "good_before": wording.probability(step.good_before),
        "good_after": wording.probability(step.good_after),
        "probability": wording.probability(step.lowers),
        "lowers": step.lowers,
        "change": step.error_before - step.error_after,
    }


def _data(fitted: RegimeMap, told: list[AdvisedChange], images: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the last doubling brought. It is no advice where more images than there are would hardly help."""
    down = [s for s in told if s.hyperparameter == "train_fraction" and s.after < s.before]
    if not down:
        return None
    helped = 1 - down[0].lowers
    whole = down[0].before == 1
    hardly = images is not None and images["helps"] is False
    most = "all of the training images" if whole else f"{wording.percent(down[0].before)} of the training images"
    return _move(fitted, down[0]) | {
        "helped": wording.probability(helped),
        "sure": helped >= SURE and not hardly,
        "most": most,
    }
