"""Logged numbers as error rates: accuracies turned round, per cents divided."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fitscape.study.errors import UserError
from fitscape.study.importing import names
from fitscape.study.importing.runs import broken

Unit = Literal["error", "accuracy", "error%", "accuracy%"]
UNITS: Final[tuple[Unit, ...]] = ("error", "accuracy", "error%", "accuracy%")


@dataclass(frozen=True)
class RateConversion:
    """How one key's numbers become error rates."""

    unit: Unit

    def error(self, value: float) -> float:
        """The error rate, 0 to 1; a non-finite number stays one."""
        if broken(value):
            return math.nan
        share = value / 100 if self.unit.endswith("%") else value
        return 1 - share if self.unit.startswith("accuracy") else share


def recognized(key: str, values: Sequence[float], option: str, given: Unit | None = None) -> RateConversion:
    """What the numbers under a key are, by its name and their range.

    Args:
        option: of the command, for the message.
        given: the unit, where the user has said it.

    Raises:
        UserError: they are no rates, or the name does not say whether they are errors or accuracies.
    """
    told = [v for v in values if not broken(v)]
    low, high = min(told, default=0.0), max(told, default=0.0)
    if given is None:
        kind = names.kind(key)
        if kind not in ("accuracy", "error"):
            what = f"'{key}' may hold errors or accuracies"
            raise UserError(what, where=option, fix=f"say which with --unit {'|'.join(UNITS)}")
        per_cent = high > 1 or names.in_percent(key)
        given = "accuracy%" if kind == "accuracy" and per_cent else "accuracy" if kind == "accuracy" else "error"
        given = "error%" if kind == "error" and per_cent else given
    most = 100 if given.endswith("%") else 1
    if low < -1e-9 or high > most * (1 + 1e-9):
        what = f"'{key}' reaches from {low:g} to {high:g}, so it is not an {given.removesuffix('%')}"
        raise UserError(
            f"{what}{' in per cent' if most == 100 else ' rate'}", where=option, fix="name a rate, or --unit"
        )
    return RateConversion(given)
