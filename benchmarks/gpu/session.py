"""Steps of a run: each guarded, none begun that would not end in time, the JSON written after each."""

import json
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Step:
    """One thing to measure; ``measure`` is given the seconds that are left and returns JSON."""

    name: str
    seconds: float  # that it takes, roughly: with less left it is not begun
    measure: Callable[[float], Any]


class Session:
    """What has been measured, on disk at every moment.

    Args:
        out: the JSON file, written after each step.
        seconds: of the whole run.
        before: what an earlier run wrote: its steps that are done are not repeated.
    """

    def __init__(self, out: Path, seconds: float, before: dict[str, Any] | None = None) -> None:
        self.out = out
        self.results: dict[str, Any] = dict(before or {})
        self.results.setdefault("steps", {})
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return self._end - time.monotonic()

    def run(self, step: Step) -> None:
        """Measure, and write down what came of it: done, failed with its reason, or no time."""
        steps = self.results["steps"]
        if steps.get(step.name, {}).get("status") == "done":
            return
        print(f"{step.name} ... ({self.left:.0f} s left)", flush=True)
        started = time.monotonic()
        if self.left < step.seconds:
            steps[step.name] = {"status": "no time"}
        else:
            try:
                steps[step.name] = {"status": "done", "result": step.measure(self.left)}
            except Exception as error:  # noqa: BLE001 - a card's time is short: whatever fails, the next step goes on
                reason = f"{type(error).__name__}: {error}"
                steps[step.name] = {"status": "failed", "error": reason, "traceback": traceback.format_exc()[-4000:]}
                print(f"  failed: {reason[:300]}", flush=True)
        steps[step.name]["seconds"] = round(time.monotonic() - started, 2)
        self.write()

    def write(self) -> None:
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_text(json.dumps(self.results, indent=1) + "\n")
