"""A run as lines: plain ones for logs, JSON for programs."""

import json
import math
import time
from dataclasses import asdict
from typing import Any

from fitscape.study.cli.tally import Tally
from fitscape.study.cli.view import View
from fitscape.study.cli.wording import duration, left_out, named, outcome, val_error
from fitscape.study.files import LEFT_OUT
from fitscape.study.records import EpochRecord, Regime, TrialRecord, TrialState
from fitscape.study.report.language import aligned, say
from fitscape.study.scheduling.events import DataRead, EpochEnded, Event, Finished, Message, Started, TrialEnded

PROGRESS_SECONDS = 30.0  # a log says at least this often that the run is alive, if an epoch ends


class PlainLines(View):
    """A line for each trial that ends and each message; how the study stands now and then."""

    _next_progress = 0.0

    def show(self, event: Event) -> None:
        match event:
            case Started():
                done = f", {event.done} of them done" if event.done else ""
                self._say(f"{self.tally.folder.name}: {event.total} trials{done}")
            case DataRead() if unread := left_out(event.summary):
                self._say(whole_list(unread, self.tally))
            case TrialEnded():
                self._say(f"[{self.tally.ended}/{self.tally.total}] {outcome(event.trial)}")
            case Message():
                self._say(event.text)
            case Finished():
                self._say("\n".join(closing(self.tally, event.summary)))
            case EpochEnded() if time.monotonic() >= self._next_progress:
                self._say(say(standing(self.tally)))

    def _say(self, text: str) -> None:
        print(text, flush=True)
        self._next_progress = time.monotonic() + PROGRESS_SECONDS


class JsonLines(View):
    """A JSON object a line: ``event``, ``time`` and what belongs to it. A number that is not finite is null."""

    def show(self, event: Event) -> None:
        facts = {name: plain(value) for name, value in vars(event).items()}
        line = {"event": event.name, "time": time.time(), **facts}
        if isinstance(event, Started | TrialEnded | Finished):
            line["tally"] = _counts(self.tally)
        print(json.dumps(line, allow_nan=False), flush=True)


def standing(tally: Tally) -> str:
    """How a study stands, in one line."""
    parts = [f"{tally.ended} of {tally.total} trials ended"]
    parts += [f"{count} {state}" for state, count in tally.states.items() if state is not TrialState.FINISHED]
    parts += [f"{count} {regime}" for regime, count in tally.regimes.items() if regime is not Regime.UNDECIDED]
    parts += [f"{count} {names}" for names, count in tally.between.items()]
    if tally.best:
        parts.append(f"best {named(tally.metric)} {val_error(tally.best):.4f}")
    if tally.speeds:
        parts.append(f"{len(tally.speeds)} running at {tally.images_per_second:,.0f} images/s")
        parts += [f"{duration(tally.left)} left"] if tally.left is not None else []
    if tally.backlog:
        parts.append(f"{tally.backlog:,} points not in MLflow yet")
    return ", ".join(parts)


def closing(tally: Tally, summary: dict[str, Any]) -> list[str]:
    """How the study stands at its end and where its results are, in the person's language."""
    return [say(standing(tally)), *map(aligned, pointers(summary))]


def whole_list(unread: str, tally: Tally) -> str:
    """The files that cannot be read, and what lists every one."""
    return f"{unread} (all of them: {tally.folder / LEFT_OUT})"


def pointers(summary: dict[str, Any]) -> list[str]:
    """The verdict where there is nothing to see, and where the results are, from the driver's summary."""
    lines = [f"verdict {summary['guessing']}"] if summary.get("guessing") else []
    lines += [f"report  {summary['report']}"] if summary.get("report") else []
    if summary.get("tracking"):
        first = f"{summary['ui']}, then " if summary.get("ui") else ""
        lines.append(f"MLflow  {first}{summary['tracking']}")
    return lines


def plain(value: Any) -> Any:
    """Records as JSON: a trial with its last epoch, without the long lists."""
    if isinstance(value, TrialRecord):
        kept = (
            "trial_id",
            "number",
            "hyperparameters",
            "origin",
            "state",
            "message",
            "attempts",
            "node",
            "device",
            "seconds",
        )
        return plain({name: getattr(value, name) for name in kept} | {"last": value.last})
    if isinstance(value, EpochRecord):
        return plain({name: part for name, part in asdict(value).items() if name != "gradients"})
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _counts(tally: Tally) -> dict[str, Any]:
    best = tally.best
    return {
        "ended": tally.ended,
        "total": tally.total,
        "running": len(tally.speeds),
        "states": {str(state): count for state, count in tally.states.items()},
        "regimes": {str(regime): count for regime, count in tally.regimes.items()},
        "between": tally.between,
        "best": best and {"trial_id": best.trial_id, "val_error": val_error(best)},
        "seconds_left": tally.left,
        "backlog": tally.backlog,
    }
