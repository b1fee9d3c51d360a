"""What a study is expected to take, said before its first trial, against what its trials took.

    python -m benchmarks.start_estimate                 ten studies of about a minute, two trials at a time
    python -m benchmarks.start_estimate --minutes 10    begins no study after 10 minutes; call again to go on

Recipes at ``minutes`` with fewer trials, and two spaces of their own, each in one process of ``fitscape run`` (and
``fitscape doctor`` before it). The estimate is read from the words that a user reads, rounding included. What was
taken is the last end minus the first start in the ledger. On a machine with other work its clock says nothing of
the estimate: beside it are the processor seconds of the study's workers, of which a trial that has a core to itself
takes as many as it lasts, by the slots, and the load before and after.

A study is kept in benchmarks/results/start_estimate.jsonl as it ends and is not run again: remove the file after a
change of the estimate. Writes benchmarks/results/start_estimate-DATE.json.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from benchmarks.clocks import cpu_seconds, stat
from benchmarks.machine import facts
from benchmarks.record import RESULTS
from fitscape.study.ledger import Ledger

PROC: Final = Path("/proc")
KEPT: Final = RESULTS / "start_estimate.jsonl"
GOAL: Final = 0.25
FASHION: Final = "data.dataset=fashion_mnist"
# A name; its recipe; its trials; what is set.
STUDIES: Final[Sequence[tuple[str, str, int, tuple[str, ...]]]] = (
    ("quickstart", "quickstart", 14, ()),
    ("regimes", "regimes", 10, ()),
    ("architectures", "architectures", 18, ()),
    ("degradation-fashion", "degradation", 12, (FASHION,)),
    ("double-descent", "double_descent", 12, ()),
    ("early-overfit", "early_overfit", 10, ()),
    ("gradients", "gradients", 20, ()),
    ("memorization-fashion", "memorization", 12, (FASHION,)),
    ("regimes-fashion-one-at-a-time", "regimes", 6, (FASHION, "resources.max_concurrent=1")),
    ("sobol-fashion", "quickstart", 10, (FASHION, "enqueue=[]", "base.optimization.epochs=6")),
)
UNITS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0}
SAID: Final = re.compile(r"about ([\d.]+) (s|min|h) per trial, ([\d.]+) (s|min|h) for \d+ trials, (\d+) at a time")
AT_WORK: Final = b"ray::ResourceTrainable"  # what Ray names a worker with trials
LOOK_EVERY: Final = 0.25  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    done = [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []
    known = {row["study"] for row in done}
    for name, recipe, trials, settings in STUDIES:
        if name not in known and time.monotonic() < end:
            done.append(run(name, recipe, trials, settings))
            with KEPT.open("a") as file:
                file.write(json.dumps(done[-1]) + "\n")
            print(done[-1], flush=True)
    within = {by: sum(abs(row["said"] / row[by] - 1) <= GOAL for row in done) for by in ("took", "processor")}
    print(f"within {GOAL:.0%} of {len(done)} studies: {within}")
    machine = facts()
    summary = RESULTS / f"start_estimate-{machine['date'][:10]}.json"
    summary.write_text(json.dumps({"machine": machine, "within": within, "rows": done}, indent=1) + "\n")


def run(name: str, recipe: str, trials: int, settings: Sequence[str]) -> dict[str, Any]:
    """One study: seconds that were said and taken."""
    chosen = [part for setting in settings for part in ("--set", setting)]
    with tempfile.TemporaryDirectory(prefix="fitscape-start-") as root:
        before = os.getloadavg()[0]
        doctor, _ = _watched("doctor", recipe, "--root", root, "--set", f"search.trials={trials}", *chosen)
        text, seen = _watched("run", recipe, "--name", name, "--root", root, "--trials", str(trials), *chosen)
        each, whole, slots = read(text)
        with Ledger.open(Path(root) / name / "ledger.db", read_only=True) as ledger:
            times = [(t.started_at or 0.0, t.ended_at or 0.0) for t in ledger.trials()]
    begun = min(start for start, _ in times)
    took = max(end for _, end in times) - begun
    used = sum(_since(begun, looks) for looks in seen.values())
    return {
        "study": name, "trials": len(times), "said": whole, "processor": used / slots, "took": took,
        "said_per_trial": each, "processor_per_trial": used / len(times),
        "took_per_trial": sum(end - start for start, end in times) / len(times),
        "doctor": read(doctor)[1], "load": [round(before, 1), round(os.getloadavg()[0], 1)],
    }  # fmt: skip


def read(text: str) -> tuple[float, float, int]:
    """Seconds per trial and of the whole, and trials at a time, from the words.

    Raises:
        ValueError: nothing was said.
    """
    found = SAID.search(" ".join(text.split()))
    if found is None:
        raise ValueError(f"no estimate in: {text[-2000:]}")
    return float(found[1]) * UNITS[found[2]], float(found[3]) * UNITS[found[4]], int(found[5])


def _since(begun: float, looks: Sequence[tuple[float, float]]) -> float:
    """Processor seconds from then on, or from the first look on."""
    return looks[-1][1] - max((seconds for when, seconds in looks if when <= begun), default=looks[0][1])


def _watched(*arguments: str) -> tuple[str, dict[int, list[tuple[float, float]]]]:
    """What a command says, and of each of its trials' workers the processor seconds at every look: (time, seconds).

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "fitscape", *arguments]
    environment = {**os.environ, "COLUMNS": "200"}
    seen: dict[int, list[tuple[float, float]]] = {}
    with tempfile.TemporaryFile("w+") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
        while process.poll() is None:
            for worker in _workers(process.pid):
                if used := cpu_seconds(stat(PROC / str(worker))):
                    seen.setdefault(worker, []).append((time.time(), used))
            time.sleep(LOOK_EVERY)
        file.seek(0)
        text = file.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, text)
    return text, seen


def _workers(root: int) -> list[int]:
    """Processes under ``root`` that are at a trial: Ray names them after the call."""
    children: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit() and (fields := stat(folder)):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, under = [], [root]
    while under:
        for child in children.get(under.pop(), []):
            under.append(child)
            with suppress(OSError):
                if (PROC / str(child) / "cmdline").read_bytes().startswith(AT_WORK):
                    found.append(child)
    return found


if __name__ == "__main__":
    main()
