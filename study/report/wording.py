"""Numbers and hyperparameters as a person reads them. What does not exist is 'not measured', never zero."""

import math
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

NOT_MEASURED: Final = "not measured"
HYPERPARAMETERS: Final = {
    "architecture": "architecture",
    "train_fraction": "training images",
    "label_noise": "label noise",
    "weight_decay": "weight decay",
    "lr": "learning rate",
    "batch_size": "batch size",
    "growth_rate": "growth rate",
    "batch_norm": "batch-norm statistics",
    "bn": "batch norm in training",
    "freeze": "frozen stages",
    "init": "initialization",
    "norm": "normalization",
}
_ALL_TUNED: Final = " (all are tuned)"
NETS: Final = {"resnet": "ResNet", "plain": "plain-", "densenet": "DenseNet"}
_TENTHS: Final = re.compile(r"(?<![\d.,])(?:\d{2,}\.\d|0\.0)(?= %)")  # a decimal that :func:`percent` leaves out
_NET: Final = re.compile(r"\b(?:resnet|plain|densenet)\d+\b|\b(?:resnet|densenet)(?= nets\b)")


def hyperparameter(name: str) -> str:
    """``weight decay`` for ``weight_decay``."""
    return HYPERPARAMETERS.get(name, name.replace("_", " "))


def net(name: str) -> str:
    """``ResNet18`` for ``resnet18``, as the papers write it; ``plain-20``, and ``plain`` for the family."""
    family = name.rstrip("0123456789")
    return (NETS[family] + name[len(family) :]).rstrip("-") if family in NETS else name


def value(name: str, given: Any, digits: int = 3) -> str:
    """A hyperparameter's value: shares in per cent, other numbers in three digits."""
    if given is None:
        return NOT_MEASURED
    if name == "architecture":
        return net(str(given))
    if isinstance(given, bool) or not isinstance(given, int | float):
        return str(given).split("@")[0].replace("study:", "from study ") if name == "weights" else str(given)
    return percent(given) if name in ("train_fraction", "label_noise") else number(given, digits)


def value_if_set(name: str, given: Any) -> str:
    """A hyperparameter's value, where None is one of its values."""
    return "not set" if given is None else value(name, given)


def setting(point: Mapping[str, Any], digits: int = 3) -> str:
    """A point of the space in words, the architecture apart: ``width 0.5, weight decay 1e-4``."""
    return ", ".join(
        f"{hyperparameter(n)} {value(n, v, digits)}{_ALL_TUNED if n == 'freeze' and v == 0 else ''}"
        for n, v in point.items()
        if n not in ("architecture", "seed")
    )


def number(given: float | None, digits: int = 3) -> str:
    """``0.05``, ``1e-5``, ``1,024``: so many digits, but never fewer than a whole number has."""
    if given is None or not math.isfinite(given):
        return NOT_MEASURED
    if abs(given) < 1e15 and (given == int(given) or abs(given) >= 10**digits):
        return f"{int(rounded(given, 0)):,d}"
    return f"{given:.{digits}g}".replace("e-0", "e-").replace("e+0", "e+")


def percent(share: float | None) -> str:
    """``4.2 %``; whole per cents from 10 up, but what is less than all is never 100; the space does not break."""
    if share is None or not math.isfinite(share):
        return NOT_MEASURED
    shown = 100 * share
    if 0 < shown < 0.1:
        return "below 0.1\u00a0%"
    if 99.95 <= shown < 100:
        return "above 99.9\u00a0%"
    digits = 0 if shown == 0 or 9.95 <= shown < 99.5 or shown >= 100 else 1
    return f"{rounded(shown, digits)}\u00a0%"


def tenths(share: float) -> str:
    """``17.3 %``: per cents with their tenths, where points of that size are what matters."""
    text = percent(share)
    return f"{rounded(100 * share, 1)}\u00a0%" if text[:1].isdigit() and share >= 0.001 else text


def rounded(value: float, digits: int) -> Decimal:
    """Halves go up, as in the page's scripts (``toFixed``); Python alone would take the even neighbour."""
    return Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def interval(low: float, high: float) -> str:
    """``1.2 % to 3.0 %``; an end that is next to none or all is left out: ``at most 3.0 %``.

    Ends that would read alike have a decimal more, ``22.1 % to 22.4 %``, and are one where they still do.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return NOT_MEASURED
    none, all_ = 0 < low < 0.001, 0.9995 <= high < 1
    if high < 0.001:
        return percent(high)
    if percent(low) == percent(high):
        finer = [f"{rounded(100 * end, 1)}\u00a0%" for end in (low, high)]
        return percent(high) if finer[0] == finer[1] else " to ".join(finer)
    if none or all_:
        return (
            "0\u00a0% to 100\u00a0%"
            if none and all_
            else f"at most {percent(high)}"
            if none
            else f"at least {percent(low)}"
        )
    return f"{percent(low)} to {percent(high)}"


def from_floor(error: float, least: float) -> str:
    """An error of a map, whose scale ends at ``least``."""
    return f"below {percent(least)}" if error < least else percent(error)


def interval_from_floor(low: float, high: float, least: float) -> str:
    """``1.2 % to 3.0 %``; from 0 where the lower end is below what the map can tell."""
    if high < least:
        return f"0\u00a0% to {percent(least)}"
    return interval(0.0 if low < least else low, high)


def sentence(text: str) -> str:
    """With a capital at its beginning, and the rest as it is."""
    return text[:1].upper() + text[1:]


def nets(text: str) -> str:
    """A sentence with the names of nets as :func:`net` writes them, and shares as :func:`percent` does."""
    named = _NET.sub(lambda found: net(found[0]), text)
    return _TENTHS.sub(lambda found: percent(float(found[0]) / 100).removesuffix("\u00a0%"), named)


def reference(given: bool) -> str:
    """What errors are measured against: what the user gave, else the best configuration that was run, as the model
    of the trials estimates it. No proof makes it the best that can be reached."""
    return "the reference error given" if given else "the best configuration that was run"


def as_good(given: bool) -> str:
    """What the regime good means."""
    return "close to the reference error given" if given else "as good as the best here"


def probability(p: float) -> str:
    """Two digits, never a false certainty."""
    return "above 0.99" if p > 0.99 else "below 0.01" if p < 0.01 else f"{p:.2f}"


def magnitude(given: float | None) -> str:
    """``11.2 M`` for 11,173,962."""
    if given is None or not math.isfinite(given):
        return NOT_MEASURED
    given = float(f"{given:.3g}")  # first, or 999,999 would be 1e+03 k
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if given >= size:
            return f"{given / size:.3g}\u00a0{unit}"
    return f"{given:g}"


def duration(seconds: float | None) -> str:
    if seconds is None or not math.isfinite(seconds):
        return NOT_MEASURED
    if seconds < 120:
        return f"{seconds:.3g}\u00a0s"
    return f"{seconds / 60:.1f}\u00a0min" if seconds < 7200 else f"{seconds / 3600:.1f}\u00a0h"
