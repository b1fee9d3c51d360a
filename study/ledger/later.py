"""What a record holds of its large parts where nobody has asked for them yet."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, TypeVar, cast, overload

from fitscape.study.ledger import details
from fitscape.study.ledger.database import Database
from fitscape.study.records import GradientProfile, LatePair

T = TypeVar("T")


class Later(Sequence[T]):
    """A sequence that is read from the ledger each time it is looked at, and never held.

    It stands for a tuple: equal to any sequence of the same items, and a plain tuple in copies for other processes.
    """

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], Sequence[T]]) -> None:
        self._read = read

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        return self._read()[at]

    def __len__(self) -> int:
        return len(self._read())

    def __iter__(self) -> Iterator[T]:
        return iter(self._read())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy as np

        return np.asarray(self._read(), dtype=dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)


class OnDemand:
    """Gradient profiles and late pairs as sequences that are read when they are looked at."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # One look asks for a length and for items; the figures of one trial, its first and last profiles, are looked at
        # together.
        self._profiles = lru_cache(maxsize=4)(self._read_profiles)
        self._late = lru_cache(maxsize=1)(self._read_late)

    def profiles(self, trial_id: str, epoch: int) -> tuple[GradientProfile, ...]:
        """Of one epoch; empty where none were measured."""
        return cast("tuple[GradientProfile, ...]", Later(partial(self._profiles, trial_id, epoch)))

    def late(self, trial_id: str, best_epoch: int, last_epoch: int) -> LatePair:
        """A late pair whose epochs are known already."""
        names = ("best_losses", "last_losses", "best_errors", "last_errors")
        parts: dict[str, Any] = {name: Later(partial(self._part, trial_id, name)) for name in names}
        return LatePair(best_epoch=best_epoch, last_epoch=last_epoch, **parts)

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        """Also after the ledger was closed, which takes a moment more."""
        database = Database(self._database.path, read_only=True) if self._database.closed else self._database
        try:
            with database.read() as connection:
                yield connection
        finally:
            if database is not self._database:
                database.close()

    def _part(self, trial_id: str, name: str) -> Sequence[Any]:
        found: Sequence[Any] = getattr(self._late(trial_id), name)
        return found

    def _read_profiles(self, trial_id: str, epoch: int) -> tuple[GradientProfile, ...]:
        with self._read() as connection:
            return details.profiles_of(connection, trial_id, epoch)

    def _read_late(self, trial_id: str) -> LatePair:
        with self._read() as connection:
            return details.late_of(connection, trial_id)
