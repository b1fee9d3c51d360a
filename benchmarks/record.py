"""How a benchmark sums up its rounds and keeps them."""

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import facts

RESULTS = Path(__file__).with_name("results")


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Median, quartiles and every value; of a single value the quartiles say nothing and are it."""
    low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    return {"median": median, "quartiles": [low, high], "values": list(values)}


def spread(figure: dict[str, Any], digits: int = 2) -> str:
    """``median (quartile to quartile)`` of a ``summary``."""
    low, high = figure["quartiles"]
    return f"{figure['median']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}, n = {len(figure['values'])})"


def keep(name: str, results: dict[str, Any], plot: Callable[[Any], None]) -> Path:
    """Write ``results/NAME-DATE.json`` and .png; ``plot`` draws on matplotlib axes."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    results = {"machine": facts(), **results}
    stem = RESULTS / f"{name}-{results['machine']['date'][:10]}"
    stem.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    plot(axes)
    machine = results["machine"]
    axes.set_title(f"{machine['cpu']}, torch {machine['versions']['torch']}, {machine['date'][:10]}", fontsize=9)
    figure.savefig(stem.with_suffix(".png"), dpi=120)
    plt.close(figure)
    return stem


def newest(name: str) -> dict[str, Any]:
    """The latest results of that benchmark.

    Raises:
        FileNotFoundError: it has never been run here.
    """
    files = sorted(RESULTS.glob(f"{name}-*.json"))
    if not files:
        raise FileNotFoundError(f"no {name}-DATE.json in {RESULTS}: run python -m benchmarks.{name} first")
    found: dict[str, Any] = json.loads(files[-1].read_text())
    return found


def dots(axes: Any, rows: Sequence[tuple[str, Sequence[float], float | None]]) -> None:
    """A row for each (name, values, goal): rounds, their median, and the goal as a bar."""
    for i, (_, values, goal) in enumerate(rows):
        first = i == 0
        axes.scatter(values, [i] * len(values), color="tab:blue", alpha=0.4, s=18)
        axes.scatter(statistics.median(values), i, color="tab:blue", s=80, label="median" if first else None)
        if goal is not None:
            axes.scatter(goal, i, color="black", marker="|", s=200, label="goal" if first else None)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.legend()
