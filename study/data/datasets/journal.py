"""Which files are being worked on, in a file that outlives the process: after a crash it names the suspects."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Journal:
    """Without a path it does nothing. Lines are short, so that those of several threads do not mix."""

    def __init__(self, path: Path | None = None) -> None:
        self._descriptor = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    @contextmanager
    def working_on(self, name: str) -> Iterator[None]:
        """Within it ``name`` is worked on."""
        self._write("+", name)
        try:
            yield
        finally:
            self._write("-", name)

    def _write(self, sign: str, name: str) -> None:
        if self._descriptor is not None:
            os.write(self._descriptor, (sign + json.dumps(name) + "\n").encode())


def unfinished(path: Path) -> list[str]:
    """What was begun and not ended, in order."""
    open_: dict[str, None] = {}
    for line in path.read_text().splitlines():
        name = json.loads(line[1:])
        if line[0] == "+":
            open_[name] = None
        else:
            open_.pop(name, None)
    return list(open_)
