"""From finished searches to a dated report."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.regime_search.goals import Key, Table, costs, figures, table_of
from benchmarks.regime_search.jobs import COMPARED_AT, Finished
from benchmarks.regime_search.picture import draw
from benchmarks.regime_search.simulate import Curve

RESULTS = Path(__file__).parents[1] / "results"
SCORES = ("brier", "log_score", "boundary_f1", "undecided")


@dataclass(frozen=True)
class Report:
    """The tables as text, and their numbers."""

    text: str
    numbers: dict[str, Any]


def summarize(done: list[Finished]) -> Report:
    table, rows = table_of(done), [figure.cells for figure in figures(done)]
    keys = list(dict.fromkeys(key for by in table.values() for key in by))
    text = _markdown(["figure", "goal", "got", "90 % interval over seeds", "seeds"], rows)
    reached = _cells(table, keys, _reached)
    text += "\nMedian trials to 90 % / 95 %, middle half of the seeds, number of seeds (`>`: not within so many):\n\n"
    text += _markdown(["sampler", *table], reached)
    text += f"\nScores at {COMPARED_AT} trials, mean over seeds: Brier / log score / boundary F1 / undecided:\n\n"
    text += _markdown(["sampler", *table], _cells(table, keys, _scores))
    return Report(text, {"goals": rows, "landscapes": list(table), "reached": reached})


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def _cells(table: Table, keys: list[Key], cell: Any) -> list[list[str]]:
    """A row a sampler, a column a landscape."""
    return [[f"{key[0]} q{key[1]}", *(cell(by[key]) if key in by else "" for by in table.values())] for key in keys]


def _reached(curves: dict[int, Curve]) -> str:
    last, parts = max(c.n[-1] for c in curves.values()), []
    for accuracy in (0.90, 0.95):
        middle = np.quantile(list(costs(curves, accuracy).values()), [0.5, 0.25, 0.75], method="inverted_cdf")
        median, low, high = (f"{q:.0f}" if np.isfinite(q) else f">{last}" for q in middle)
        parts.append(f"{median} ({low}–{high})")
    return f"{' / '.join(parts)}, {len(curves)}"


def _scores(curves: dict[int, Curve]) -> str:
    return " / ".join(f"{np.mean([c.at(COMPARED_AT)[name] for c in curves.values()]):.3f}" for name in SCORES)


def ask_time(path: Path) -> str:
    """What ask_time.py measured, as a paragraph and a table."""
    result = json.loads(path.read_text())
    rows = [
        [f"{name}, {clock}", *(f"{times[f'{clock}_{figure}']:.0f}" for figure in ("first", "median", "p90", "worst"))]
        for name, times in result["milliseconds"].items()
        for clock in ("wall", "cpu")
    ]
    return (
        f"\n## One ask\n\n`python -m benchmarks.regime_search.ask_time`: {result['finished']:,} finished and "
        f"{result['pending']} pending trials, {result['dials']} hyperparameters, "
        f"{result['asks']} asks of each sampler in turn, "
        f"one thread; load {result['machine']['load'][0]} on {result['machine']['cores']} cores. Milliseconds; `cpu` "
        f"is the process's own time.\n\n{_markdown(['', 'first', 'median', '90 %', 'worst'], rows)}"
    )


def write(report: Report, done: list[Finished]) -> Path:
    """regime_search-DATE.md, .json (with every search's accuracies) and .png in benchmarks/results."""
    RESULTS.mkdir(exist_ok=True)
    stem, facts = RESULTS / f"regime_search-{time.strftime('%Y-%m-%d')}", machine.facts()
    head = (
        f"# Samplers by the regime map they give, {time.strftime('%Y-%m-%d')}\n\n"
        f"`python -m benchmarks.regime_search`; {facts['cpu']}, Python {facts['python']}, numpy "
        f"{facts['versions']['numpy']}, Optuna {facts['versions']['optuna']}.\n\n"
        "Every sampler's trials go to the same surrogate (study.maps.RegimeMap), which is scored on held-out\n"
        "points. S1 to S3 are synthetic, R1 replays real nets (generate_real.py). tau 0.10. q: trials pending.\n\n"
    )
    markdown, timed = stem.with_suffix(".md"), RESULTS / f"ask_time-{time.strftime('%Y-%m-%d')}.json"
    asks = ask_time(timed) if timed.exists() else ""
    markdown.write_text(f"{head}{report.text}\n![accuracy over trials]({stem.name}.png)\n{asks}")
    searches = [
        {
            **vars(one.job),
            "n": one.curve.n,
            "epochs": one.curve.epochs,
            "accuracy": [round(s["accuracy"], 4) for s in one.curve.scores],
            "final": {k: round(v, 4) for k, v in one.curve.scores[-1].items()},
        }
        for one in done
    ]
    stem.with_suffix(".json").write_text(json.dumps({**report.numbers, "machine": facts, "searches": searches}) + "\n")
    draw(table_of(done), stem.with_suffix(".png"))
    return markdown
