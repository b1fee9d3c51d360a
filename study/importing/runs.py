"""What was read, before any of it is believed: runs with their parameters and logged values, under their own names."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fitscape.study.errors import UserError

MOST_NAMED: Final = 12  # keys in one message
MOST_RUNS: Final = 100_000  # of one study; 30,000 take a minute or so
LARGEST: Final = 1e300  # MLflow keeps an infinity as the largest number
MOST_BYTES: Final = 512 * 2**20  # of tables, unpacked; as Python's values they take ten times as much


@dataclass(frozen=True)
class Run:
    """One run of somebody else's.

    ``rows`` has a mapping from metric to value for each point in time that was logged, in order: one row where only
    final values are known.
    """

    name: str
    params: Mapping[str, Any]
    rows: tuple[Mapping[str, Any], ...]
    state: str = "finished"  # finished, failed, running; stopped and diverged in an export of ours
    started: float | None = None  # seconds since the Unix epoch
    ended: float | None = None


@dataclass(frozen=True)
class Hint:
    """What a source says of a hyperparameter beyond the values that were drawn."""

    whole: bool
    log: bool


@dataclass(frozen=True)
class Runs:
    """All runs of one source."""

    where: str  # the source as it may be shown, without secrets
    kind: str  # what it is, in a word or two: "MLflow experiment"
    runs: tuple[Run, ...]
    step: str | None = None  # key of a row that counts epochs or steps, where the source has one of its own
    hints: Mapping[str, Hint] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def metrics(self) -> list[str]:
        """Every key that a row holds a number under, in the order of first sight."""
        return list(dict.fromkeys(key for run in self.runs for row in run.rows for key in row if number(row[key])))

    def params(self) -> list[str]:
        """Every parameter, in the order of first sight."""
        return list(dict.fromkeys(key for run in self.runs for key in run.params))


def number(value: Any) -> bool:
    """Whether a value is a number, a non-finite one included, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_number(value: Any) -> float | None:
    """A number, or a text that is one (MLflow keeps every parameter as text); else None."""
    if number(value):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def finite(value: Any) -> float | None:
    """The number that a value is, if it is a finite one."""
    found = as_number(value)
    return found if found is not None and math.isfinite(found) else None


def broken(value: Any) -> bool:
    """Whether it is a number and no finite one, as what a diverged net logs."""
    found = as_number(value)
    return found is not None and (not math.isfinite(found) or abs(found) >= LARGEST)


def listed(names: Iterable[str]) -> str:
    """Names for a message, the first dozen of them."""
    names = list(names)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def require_readable(where: str, *, runs: int = 0, size: int = 0) -> None:
    """Refuse a source that is too large, before it is in memory.

    Args:
        size: bytes of its tables.

    Raises:
        UserError: it holds more than ``MOST_RUNS`` runs or ``MOST_BYTES``.
    """
    if runs > MOST_RUNS:
        what = f"holds more than {MOST_RUNS:,} runs, which is as many as can be read"
        raise UserError(what, where=where, fix="give a table of some of them")
    if size > MOST_BYTES:
        what = f"holds {size / 2**20:,.0f} MiB, and {MOST_BYTES / 2**20:.0f} MiB can be read"
        raise UserError(what, where=where, fix="keep the columns that matter, and of each run its last row")
