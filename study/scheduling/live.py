"""Parts of a running study inside Tune's objects."""

from typing import Any


class Live:
    """Tuner pickles its parts for ``Tuner.restore``, which is never used here; these hold threads and locks."""

    def __reduce__(self) -> tuple[Any, ...]:
        return object, ()
