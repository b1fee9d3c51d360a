"""The driver under many trials that do nothing: Fitscape's against the plain script's, MLflow on PostgreSQL.

    python -m benchmarks.driver_scale [--trials 2000] [--plain 40] [--reports 5] [--growth 4000]

Both log 15 metrics or so a report to one MLflow server on a PostgreSQL that waits for its disk. A report of the plain
script takes as long whatever the number of trials, so a small number gives its rate; it runs before and after
Fitscape's trials, with its actors reused, which is its faster way. About 8 minutes on 2 cores.

Then ``--growth`` trials of one report without MLflow: CPU seconds and resident memory of the driver as trials end.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from mlflow_server import MlflowServer
from postgres import postgres, rows

from benchmarks.record import keep, spread, summary

RATE_GOAL = 10.0  # times the plain script's rate
SLOTS = 2


def server_command(store: str, artifacts: Path, port: int) -> tuple[list[str], dict[str, str]]:
    arguments = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", store, "--artifacts-destination", str(artifacts)),
    ]
    off = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return arguments, os.environ | off


def answer_of(module: str, folder: Path, log_file: Path, **options: Any) -> dict[str, Any]:
    """The JSON that a side prints as its last line; an option that is True is a flag.

    Raises:
        subprocess.CalledProcessError: it failed; its output is in ``log_file``.
    """
    folder.mkdir()
    words = [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items()]
    with log_file.open("a") as file:
        command = [sys.executable, "-m", module, str(folder), *words]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=file, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def growth(marks: dict[str, dict[str, float]]) -> dict[str, Any]:
    """CPU seconds and MiB per trial between marks; ``excess`` compares the CPU's growth with that of n log n."""
    points = sorted((int(n), mark) for n, mark in marks.items())
    steps = [
        {
            "from": n,
            "to": m,
            "cpu_ms_a_trial": 1000 * (b["cpu"] - a["cpu"]) / (m - n),
            "kib_a_trial": 1024 * (b["mib"] - a["mib"]) / (m - n),
            "n_log_n": (m * log(m) - n * log(n)) / (m - n),
        }
        for (n, a), (m, b) in pairwise(points)
    ]
    first, last = steps[0], steps[-1]
    allowed = last["n_log_n"] / first["n_log_n"]
    return {"steps": steps, "grew": last["cpu_ms_a_trial"] / first["cpu_ms_a_trial"], "n_log_n_grows": allowed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--plain", type=int, default=40, help="trials of the plain script, twice")
    parser.add_argument("--reports", type=int, default=5)
    parser.add_argument("--growth", type=int, default=4000, help="trials without MLflow; 0: none")
    parser.add_argument("--dry", action="store_true", help="print only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fitscape-scale-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        log_file = root / "log.txt"
        common = {"reports": arguments.reports, "slots": SLOTS}
        with postgres(durable=True) as store:
            server = MlflowServer(lambda port: server_command(store, root / "artifacts", port), root / "server.txt")
            server.start()
            try:
                given = {"uri": server.uri, **common}
                plain = {"trials": arguments.plain, "reuse": True, **given}
                before = answer_of("benchmarks.peer.no_op", root / "before", log_file, **plain)
                of_plain = rows(store, "SELECT count(*) FROM metrics")[0][0]
                ours = answer_of("benchmarks.no_op_study", root / "ours", log_file, trials=arguments.trials, **given)
                of_ours = rows(store, "SELECT count(*) FROM metrics")[0][0] - of_plain
                after = answer_of("benchmarks.peer.no_op", root / "after", log_file, **plain)
            finally:
                server.kill()
        grown = None
        if arguments.growth:
            alone = {"trials": arguments.growth, "reports": 1, "slots": SLOTS}
            grown = answer_of("benchmarks.no_op_study", root / "growth", log_file, **alone)
    results = told(arguments, before, after, ours, grown, of_plain=of_plain, of_ours=of_ours)
    print(json.dumps({k: v for k, v in results.items() if k != "raw"}, indent=1))
    print(f"rate over the plain script's: {spread(results['rate'])}, goal {RATE_GOAL}")
    if not arguments.dry:
        keep("driver_scale", results, lambda axes: plot(results, axes))


def told(
    arguments: argparse.Namespace,
    before: dict[str, Any],
    after: dict[str, Any],
    ours: dict[str, Any],
    grown: dict[str, Any] | None,
    *,
    of_plain: int,
    of_ours: int,
) -> dict[str, Any]:
    """The figures; ``rate`` counts until the last trial has ended, ``rate_shipped`` until MLflow has it all."""
    plain = [arguments.plain / side["seconds"] for side in (before, after)]
    reports = len(ours["blocked"])
    hooks = sum(ours["blocked"]) + sum(ours["decisions"])
    results: dict[str, Any] = {
        "arguments": vars(arguments),
        "plain_trials_per_second": summary(plain),
        "trials_per_second": arguments.trials / ours["seconds"],
        "rate": summary([arguments.trials / ours["seconds"] / rate for rate in plain]),
        "rate_shipped": summary([arguments.trials / ours["shipped"] / rate for rate in plain]),
        "blocked_ms_a_report": 1000 * hooks / reports,
        "blocked_ms_worst": 1000 * max(ours["blocked"]),
        "plain_blocked_ms_a_report": 1000 * statistics.mean(before["blocked"] + after["blocked"]),
        "metrics_a_report": {
            "plain": of_plain / (arguments.plain * arguments.reports),
            "ours": of_ours / (arguments.trials * arguments.reports),
        },
        "unshipped_points": ours["unshipped"],
        "with_mlflow": growth(ours["marks"]) if len(ours["marks"]) > 1 else None,
        "without": growth(grown["marks"]) if grown and len(grown["marks"]) > 1 else None,
        "raw": {"before": before, "after": after, "marks": ours["marks"], "growth": grown and grown["marks"]},
    }
    return results


def plot(results: dict[str, Any], axes: Any) -> None:
    """CPU seconds of the driver over ended trials, and its memory on an axis of its own."""
    memory = axes.twinx()
    for name, marks in (("with MLflow", results["raw"]["marks"]), ("without", results["raw"]["growth"])):
        points = sorted((int(n), mark) for n, mark in (marks or {}).items())
        since = [mark["cpu"] - points[0][1]["cpu"] for _, mark in points]
        axes.plot([n for n, _ in points], since, "o-", label=f"CPU, {name}")
        memory.plot([n for n, _ in points], [mark["mib"] for _, mark in points], "o:", alpha=0.6)
    axes.set_xlabel("ended trials")
    axes.set_ylabel("CPU of the driver since the first mark [s]")
    memory.set_ylabel("resident memory, dotted [MiB]")
    memory.set_ylim(bottom=0)
    axes.legend(loc="center right")


if __name__ == "__main__":
    main()
