"""CPU seconds and memory of what reads a ledger, for studies of 300 to 10,000 trials that nobody ran.

    python -m benchmarks.ledger_scale [--trials 300 1000 4000] [--studies FOLDER] [--package FOLDER] [--dry]

Each part runs in a process of its own, imports included: ``fitscape status``, ``fitscape list studies``,
``fitscape report``, ``fitscape map --at`` the first time and again, and what a resume reads before its first trial.
``exponent`` is the slope of ln CPU over ln trials between the two largest studies: 1 grows as the trials do. The
studies are those of ``benchmarks.made_up_ledger``; FOLDER keeps them for the next time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from math import log
from pathlib import Path
from typing import Any

from benchmarks.record import keep

# CPU seconds and GB that a part may take at so many trials.
GOALS: dict[str, dict[int, tuple[float, float]]] = {
    "status": {10_000: (3.0, 0.3)},
    "report": {1000: (10.0, 1.5), 4000: (25.0, 1.5), 10_000: (60.0, 1.5)},
    "map": {10_000: (10.0, 1.5)},
    "resume": {4000: (12.0, 0.8)},
}
POINT = ("family=resnet", "width=0.5", "lr=0.1", "train_fraction=1", "weight_decay=0.0001")
READ = """
import sys
from pathlib import Path
from fitscape.study.driver.preparing import Known
from fitscape.study.ledger import Ledger
from fitscape.study.search.asker import Asker

with Ledger.open(Path(sys.argv[1]) / "ledger.db") as ledger:
    Known.of(ledger)
    ledger.counts()
    known = ledger.trials(details=False)
    Asker(ledger.config, known, chance_error=0.9, classes=10)
"""


def commands(root: Path, name: str) -> dict[str, list[str]]:
    """The parts in the order in which they run."""
    fitscape = [sys.executable, "-m", "fitscape"]
    there = ["--root", str(root)]
    at = [word for value in POINT for word in ("--at", value)]
    return {
        "status": [*fitscape, "status", name, *there],
        "list studies": [*fitscape, "list", "studies", *there],
        "resume": [sys.executable, "-c", READ, str(root / name)],
        "map": [*fitscape, "map", name, *at, *there],
        "map again": [*fitscape, "map", name, *at, *there],
        "report": [*fitscape, "report", name, *there],
        "status again": [*fitscape, "status", name, *there],
    }


def measured(command: list[str], package: Path, log_file: Path) -> dict[str, float]:
    """CPU and wall seconds and peak GB of a process that must succeed."""
    begun = time.perf_counter()
    with log_file.open("a") as out:
        environment = os.environ | {"PYTHONPATH": str(package)}
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=package, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}; its output is in {log_file}")
    wall = time.perf_counter() - begun
    cpu = usage.ru_utime + usage.ru_stime
    return {"cpu": round(cpu, 2), "wall": round(wall, 2), "gb": round(usage.ru_maxrss * 1024 / 1e9, 3)}


def exponents(table: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """By part, of the CPU seconds between its two largest studies."""
    found = {}
    for part, rows in table.items():
        counts = sorted(map(int, rows))[-2:]
        if len(counts) == 2:
            a, b = (rows[str(n)]["cpu"] for n in counts)
            found[part] = round(log(b / a) / log(counts[1] / counts[0]), 2)
    return found


def misses(table: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Goals that were measured and not reached, in words."""
    found = []
    for part, goals in GOALS.items():
        for n, (cpu, gb) in goals.items():
            row = table.get(part, {}).get(str(n))
            if row and (row["cpu"] > cpu or row["gb"] > gb):
                found.append(f"{part} of {n} trials: {row['cpu']} s and {row['gb']} GB, goal {cpu} s and {gb} GB")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[300, 1000, 4000])
    parser.add_argument("--studies", type=Path, help="where the studies are kept; without it they are removed")
    parser.add_argument("--package", type=Path, help="another checkout to measure; it can read the studies")
    parser.add_argument("--parts", nargs="+", help="of status, list studies, resume, map, map again, report; all")
    parser.add_argument("--dry", action="store_true", help="print only")
    arguments = parser.parse_args()
    package = (arguments.package or Path(__file__).parents[1]).absolute()
    table: dict[str, dict[str, dict[str, float]]] = {}
    pages: dict[str, float] = {}
    ledgers: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="fitscape-scale-") as temporary:
        root = Path(arguments.studies or temporary).absolute()
        for trials in arguments.trials:
            folder = root / f"made-up-{trials}"
            if not folder.is_dir():
                make = [sys.executable, "-m", "benchmarks.made_up_ledger", str(root), f"--trials={trials}"]
                measured(make, package, Path(temporary) / "log.txt")
            for part, command in commands(root, folder.name).items():
                if arguments.parts is None or part in arguments.parts:
                    row = measured(command, package, Path(temporary) / "log.txt")
                    table.setdefault(part, {})[str(trials)] = row
                    print(f"{trials:>6} trials  {part:<13} {row['cpu']:7.1f} s CPU  {row['gb']:6.2f} GB", flush=True)
            ledgers[str(trials)] = round((folder / "ledger.db").stat().st_size / 1e6, 1)
            page = folder / "report" / "index.html"
            if page.is_file():
                pages[str(trials)] = round(page.stat().st_size / 1e6, 2)
    results = {
        "table": table,
        "exponents": exponents(table),
        "ledger_mb": ledgers,
        "page_mb": pages,
        "missed": misses(table),
    }
    print(json.dumps({key: value for key, value in results.items() if key != "table"}, indent=1))
    if not arguments.dry:
        keep("ledger_scale", results, lambda axes: plot(table, axes))


def plot(table: dict[str, dict[str, dict[str, float]]], axes: Any) -> None:
    """CPU seconds over trials, both logarithmic."""
    for part, rows in table.items():
        counts = sorted(map(int, rows))
        axes.plot(counts, [rows[str(n)]["cpu"] for n in counts], "o-", label=part)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("trials")
    axes.set_ylabel("CPU [s]")
    axes.legend()


if __name__ == "__main__":
    main()
