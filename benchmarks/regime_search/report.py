"""From finished searches to a table of goals, a dated report and a picture."""

import json
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RESULTS = Path(__file__).parents[1] / "results"
BOOTSTRAP, COMPARED_AT = 2000, 96

Finished = list[tuple[Any, Any, dict[str, int]]]  # (Job, Curve, counts) of __main__.search
Table = dict[str, dict[tuple[str, int], dict[int, Any]]]  # landscape -> (sampler, pending) -> seed -> Curve


def _table(done: Finished) -> Table:
    table: Table = {}
    for job, curve, _ in done:
        if job.stopping is None:
            table.setdefault(job.terrain, {}).setdefault((job.sampler, job.pending), {})[job.seed] = curve
    return table


def _costs(curves: dict[int, Any], accuracy: float) -> Array:
    """Trials to an accuracy, by seed; infinite where it was not reached."""
    return np.array([curves[seed].reached(accuracy) for seed in sorted(curves)])


def _bounded(costs: Array, last: int) -> float:
    """Median, where a search that never got there counts as its last number of trials (a lower bound)."""
    return float(np.median(np.minimum(costs, last)))


def _ratio(table: Table, mine: tuple[str, int], other: tuple[str, int], accuracy: float) -> dict[str, Array]:
    """Ratio of the medians by landscape, [1 + BOOTSTRAP]: the estimate, then resamples of the seeds."""
    rng, ratios = np.random.default_rng(0), {}
    for terrain, by in table.items():
        a, b = _costs(by[mine], accuracy), _costs(by[other], accuracy)
        last_a, last_b = (max(c.n[-1] for c in by[key].values()) for key in (mine, other))
        picks = [np.arange(len(a)), *rng.integers(len(a), size=(BOOTSTRAP, len(a)))]
        ratios[terrain] = np.array([_bounded(a[p], last_a) / _bounded(b[p], last_b) for p in picks])
    return ratios


def _spread(values: Array) -> str:
    low, high = np.quantile(values[1:], [0.05, 0.95])
    return f"{low:.2f} to {high:.2f}"


def _scores(table: Table, key: tuple[str, int], name: str) -> dict[str, Array]:
    """One score at COMPARED_AT trials, by landscape and seed."""
    return {t: np.array([by[key][s].at(COMPARED_AT)[name] for s in sorted(by[key])]) for t, by in table.items()}


def _goals(table: Table) -> Iterable[tuple[str, str, str, str]]:
    for pending, goal in ((1, "≤ 0.55"), (8, "≤ 0.60")):
        ratios = _ratio(table, ("regime", pending), ("sobol", 1), 0.95)
        mean = np.exp(np.mean([np.log(r) for r in ratios.values()], axis=0))
        each = ", ".join(f"{t} {r[0]:.2f}" for t, r in ratios.items())
        yield f"trials to 95 % over Sobol's, {pending} pending", goal, f"{mean[0]:.2f} ({each})", _spread(mean)
    for terrain, r in _ratio(table, ("regime", 1), ("tpe", 1), 0.90).items():
        yield f"trials to 90 % over TPE's, {terrain}", "≤ 0.40", f"{r[0]:.2f}", _spread(r)
    wrong = _scores(table, ("regime", 1), "wrong_decided")
    for terrain, values in wrong.items():
        yield f"wrong among decided at {COMPARED_AT} trials, {terrain}", "≤ 3 %", *_share(values)
    mine, sobol = _scores(table, ("regime", 1), "brier"), _scores(table, ("sobol", 1), "brier")
    for terrain in mine:
        difference = mine[terrain] - sobol[terrain]
        got = f"{mine[terrain].mean():.3f} against {sobol[terrain].mean():.3f}"
        low, high = _interval(difference)
        yield f"Brier against Sobol's at {COMPARED_AT} trials, {terrain}", "below", got, f"{low:+.3f} to {high:+.3f}"


def _interval(values: Array) -> tuple[float, float]:
    picks = np.random.default_rng(0).integers(len(values), size=(BOOTSTRAP, len(values)))
    low, high = np.quantile(values[picks].mean(axis=1), [0.05, 0.95])
    return float(low), float(high)


def _share(values: Array) -> tuple[str, str]:
    low, high = _interval(values)
    return f"{100 * values.mean():.1f} %", f"{100 * low:.1f} to {100 * high:.1f} %"


def _stopping_goals(done: Finished) -> Iterable[tuple[str, str, str, str]]:
    by: dict[tuple[str, bool], dict[int, tuple[Any, dict[str, int]]]] = {}
    for job, curve, counts in done:
        if job.stopping is not None:
            by.setdefault((job.sampler, job.stopping), {})[job.seed] = (curve, counts)
    if not by:
        return
    counts = [c for _, c in by["regime", True].values()]
    spent = np.array([c["spent"] / c["full"] for c in counts])
    low, high = _interval(spent)
    yield "epochs spent with stopping, R1", "≤ 0.60", f"{spent.mean():.2f}", f"{low:.2f} to {high:.2f}"
    flips, stops = sum(c["flipped"] for c in counts), sum(c["stopped"] for c in counts)
    rates = np.array([c["flipped"] / max(c["stopped"], 1) for c in counts])
    yield "labels flipped among stopped, R1", "≤ 1.5 %", f"{100 * flips / max(stops, 1):.1f} %", _share(rates)[1]
    full = by["sobol", False]
    seeds = sorted(full)
    for name in ("regime", "sobol"):
        mine = np.array([by[name, True][s][0].reached(0.95, epochs=True) for s in seeds])
        theirs = np.array([full[s][0].reached(0.95, epochs=True) for s in seeds])
        caps = [max(c.epochs[-1] for c, _ in by[key].values()) for key in ((name, True), ("sobol", False))]
        picks = [np.arange(len(seeds)), *np.random.default_rng(0).integers(len(seeds), size=(BOOTSTRAP, len(seeds)))]
        r = np.array([_bounded(mine[p], caps[0]) / _bounded(theirs[p], caps[1]) for p in picks])
        goal = "≤ 0.40" if name == "regime" else "(for comparison)"
        yield f"epochs to 95 % over full-length Sobol's, {name} with stopping, R1", goal, f"{r[0]:.2f}", _spread(r)


def summarize(done: Finished) -> tuple[str, dict[str, Any]]:
    """The report as text, and its numbers."""
    table = _table(done)
    seeds = len(next(iter(next(iter(table.values())).values())))
    rows = [*_goals(table), *_stopping_goals(done)]
    lines = ["| figure | goal | got | 90 % interval over seeds |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    medians: dict[str, Any] = {}
    lines += ["", "Median trials to 90 % / 95 % (`>`: not reached by half of the seeds within so many trials):", ""]
    lines += ["| sampler, pending | " + " | ".join(table) + " |", "|---|" + "---|" * len(table)]
    for key in next(iter(table.values())):
        cells = []
        for terrain, by in table.items():
            last = max(c.n[-1] for c in by[key].values())
            costs = [_costs(by[key], accuracy) for accuracy in (0.90, 0.95)]
            cells.append(" / ".join(f"{m:.0f}" if (m := np.median(c)) < np.inf else f">{last}" for c in costs))
            medians.setdefault(terrain, {})[f"{key[0]} q{key[1]}"] = cells[-1]
        lines.append(f"| {key[0]} q{key[1]} | " + " | ".join(cells) + " |")
    lines += ["", f"Scores at {COMPARED_AT} trials, mean over seeds (Brier / log score / boundary F1 / undecided):", ""]
    lines += ["| sampler, pending | " + " | ".join(table) + " |", "|---|" + "---|" * len(table)]
    for key in next(iter(table.values())):
        columns = [_scores(table, key, n) for n in ("brier", "log_score", "boundary_f1", "undecided")]
        cells = [" / ".join(f"{c[t].mean():.3f}" for c in columns) for t in table]
        lines.append(f"| {key[0]} q{key[1]} | " + " | ".join(cells) + " |")
    return "\n".join(lines), {"seeds": seeds, "goals": [list(row) for row in rows], "medians": medians}


def write(text: str, summary: dict[str, Any], done: Finished) -> Path:
    """regime_search-DATE.md, .json (with every search's accuracies) and .png in benchmarks/results."""
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"regime_search-{time.strftime('%Y-%m-%d')}"
    machine = (
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
    )
    head = (
        f"# Samplers by the regime map they give, {time.strftime('%Y-%m-%d')}\n\n"
        f"`python -m benchmarks.regime_search`; {summary['seeds']} seeds; {machine}.\n\n"
        "Every sampler's trials go to the same surrogate (study.maps.RegimeMap), which is scored on held-out "
        "points. S1 to S3 are synthetic, R1 replays real nets (generate_real.py). tau 0.10.\n\n"
    )
    stem.with_suffix(".md").write_text(head + text + f"\n\n![accuracy over trials]({stem.name}.png)\n")
    searches = [
        {
            **vars(job),
            "n": curve.n,
            "epochs": curve.epochs,
            **counts,
            "accuracy": [round(s["accuracy"], 4) for s in curve.scores],
            "final": {k: round(v, 4) for k, v in curve.scores[-1].items()},
        }
        for job, curve, counts in done
    ]
    stem.with_suffix(".json").write_text(json.dumps({**summary, "machine": machine, "searches": searches}) + "\n")
    _draw(_table(done), stem.with_suffix(".png"))
    return stem.with_suffix(".md")


def _draw(table: Table, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(table), figsize=(3.4 * len(table), 3.2), sharey=True, squeeze=False)
    keys: list[tuple[str, int]] = [("regime", 1), ("regime", 8), ("sobol", 1), ("random", 1), ("tpe", 1), ("grid", 1)]
    label: Callable[[tuple[str, int]], str] = lambda key: key[0] if key[1] == 1 else f"{key[0]}, 8 pending"  # noqa: E731
    for axis, (terrain, by) in zip(axes[0], table.items(), strict=True):
        for key in keys:
            curves = list(by[key].values())
            shared = [n for n in curves[0].n if n <= COMPARED_AT]
            accuracy = [np.median([c.at(n)["accuracy"] for c in curves]) for n in shared]
            axis.plot(shared, accuracy, label=label(key))
        axis.set(title=terrain, xscale="log", xlabel="trials")
        axis.axhline(0.95, color="0.7", linewidth=0.8)
    axes[0][0].set_ylabel("accuracy of the map (median)")
    axes[0][-1].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
