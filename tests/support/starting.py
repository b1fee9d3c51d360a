"""Which tests start Ray, a server or a driver. Those run one after the other, all others two files at a time."""

import re
import sys
from typing import Any

import pytest

# Of tests/*/conftest.py and of single files: each starts one of them, and so does every test that asks for it.
FIXTURES = {"cluster", "new_drivers", "raylets", "run_study", "s3", "running_server", "fresh_store"}
PROGRAMS = re.compile(r"gcs_server|\bray start\b|-m mlflow server|\bweed\b|drive\.py|-m fitscape run|\binitdb\b")

seen: list[str] = []


def watch() -> None:
    """Note from now on what this process starts of them."""

    def hear(event: str, given: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen":
            words = given[1] if isinstance(given[1], str | bytes) else b" ".join(map(_bytes, given[1]))
            if found := PROGRAMS.search(_bytes(words).decode(errors="replace")):
                seen.append(found[0])

    sys.addaudithook(hear)


def _bytes(word: Any) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()


def mark(items: list[pytest.Item]) -> None:
    """`alone` for tests that ask for one of `FIXTURES`; the others that start something say so themselves."""
    for item in items:
        if FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.alone)


def require_alone(item: pytest.Item) -> None:
    """What has been started was started by tests that are `alone`."""
    found, seen[:] = seen[:], []
    if found and item.get_closest_marker("alone") is None:
        pytest.fail(f"it starts {', '.join(found)}: mark it `alone`, or other tests run beside it")
