"""CPU of the driver under many slots, all of them made up: 1,000 processes do not fit on this machine.

    python -m benchmarks.slots [--slots 64 256 1000] [--seconds 30] [--asks 4000] [--dry]

First, so many slots at four epochs a second each, of trials that do not end: CPU seconds of the driver's process for
each second, by thread. ``together`` is with reports as they are, ``alone`` with each epoch in a report of its own, at
the smallest number of slots only. Then 64 and 256 slots with trials of half a minute to a minute and a half, drawn by
the sampler ``regime`` in a study of ``--asks`` finished trials: the CPU of each ask, how many trials were drawn before
the first result, how many run, how late the ledger is.

Real: everything in the driver's process but MLflow's shipper, backups and the live page, which are not started; the
sampler, the ledger, Tune's loop, the lines of a run without a terminal. Made up: ``benchmarks.made_up_slots``, trials
and finished trials. Two epochs' gradient profiles of 100 layers go with each epoch that is drawn by ``regime``, one of
18 layers with the others. Each part runs in a process of its own. About 12 minutes.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from os import devnull
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from no_images import ten_images

from benchmarks.clocks import cpu_seconds, stat
from benchmarks.made_up_ledger import _epoch, make
from benchmarks.no_op_study import record
from benchmarks.record import keep
from fitscape.study.cli.lines import PlainLines
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import EpochRecord
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.events import Event, TrialEnded, TrialStarted
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Request
from fitscape.study.scheduling.run_trials import run_trials
from fitscape.study.search.asker import Asker
from fitscape.study.training import Settings

EACH = 0.25  # seconds of an epoch, in the first part
LONG = 100_000  # epochs of a trial that does not end
SETTLING = 5.0  # seconds after all slots have begun
ASKING, SECONDS_A_TRIAL, EPOCHS = (64, 256), 60.0, 12
GOALS = {"driver at 1,000 slots": 0.5, "ask, median": 0.08, "ask, worst": 1.5}
CPUS = 2


class Run(PlainLines):
    """Watches a run, ends it after so many seconds in which all slots were taken, and notes what they cost."""

    def __init__(self, folder: Path, slots: int, seconds: float, interruption: Interruption) -> None:
        super().__init__(folder)
        self._slots, self._seconds, self._interruption = slots, seconds, interruption
        self.begun = self.ended = self.epochs = 0
        self.lateness: list[float] = []
        self.running: list[int] = []
        self.measuring = False
        self.found: dict[str, Any] = {}
        threading.Thread(target=self._watch, daemon=True).start()

    def __call__(self, event: Event) -> None:
        match event:
            case TrialStarted():
                self.begun += 1
            case TrialEnded():
                self.ended += 1
        super().__call__(event)

    def written(self, records: Sequence[EpochRecord]) -> None:
        """The ledger has the epochs of a report."""
        if self.measuring and records:
            self.epochs += len(records)
            self.lateness.append(time.time() - records[-1].time)

    def _watch(self) -> None:
        while self.begun < self._slots:
            time.sleep(0.1)
        time.sleep(SETTLING)
        self.measuring = True
        before, process, ended, wall = by_thread(), time.process_time(), self.ended, time.monotonic()
        while time.monotonic() - wall < self._seconds:
            time.sleep(0.25)
            self.running.append(self.begun - self.ended)
        took = time.monotonic() - wall
        self.measuring = False
        after = by_thread()
        cpu = {name: (seconds - before.get(name, 0.0)) / took for name, seconds in after.items()}
        self.found = {
            "cpu": (time.process_time() - process) / took,
            "threads": {name: round(share, 4) for name, share in sorted(cpu.items(), key=lambda c: -c[1])[:6]},
            "reports_a_second": len(self.lateness) / took,
            "epochs_a_second": self.epochs / took,
            "ledger_late": {"median": statistics.median(self.lateness), "worst": max(self.lateness)},
            "running": statistics.mean(self.running) / self._slots,
            "ended_a_second": (self.ended - ended) / took,
        }
        self._interruption.request("measured", grace=0.0)


def by_thread() -> dict[str, float]:
    """CPU seconds of each thread of this process, those of Ray and of the interpreter's pools together."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    found: dict[str, float] = {}
    for task in Path("/proc/self/task").iterdir():
        name = names.get(int(task.name), "Ray's own threads")
        found[name] = found.get(name, 0.0) + cpu_seconds(stat(task))
    return found


def drive(
    folder: Path, config: StudyConfig, ledger: Ledger, slots: int, seconds: float, play: Any, every: float | None = None
) -> dict[str, Any]:
    from ray import cloudpickle

    import benchmarks.made_up_slots as made_up

    interruption = Interruption()
    with Cluster(cpus=CPUS) as cluster, open(devnull, "w") as nowhere, redirect_stdout(nowhere):
        cloudpickle.register_pickle_by_value(made_up)
        cloudpickle.register_pickle_by_value(sys.modules[__name__])
        run = Run(folder, slots, seconds, interruption)
        record_epochs = ledger.record_epochs

        def recorded(trial_id: str, records: Sequence[EpochRecord]) -> list[EpochRecord]:
            new = record_epochs(trial_id, records)
            run.written(new)
            return new

        with patch.object(ledger, "record_epochs", recorded), made_up.made_up_slots(slots, play, every=every):
            run_trials(
                config,
                ledger,
                ten_images(),
                cluster=cluster,
                request=Request(CPUS / slots, 0),
                settings=Settings(),
                checkpoints=CheckpointStore(str(folder / "checkpoints")),
                interruption=interruption,
                observer=run,
            )
    return run.found


def many_slots(root: Path, slots: int, seconds: float, every: float | None) -> dict[str, Any]:
    """Trials that do not end."""
    told = [record(epoch) for epoch in range(1, 2000)]

    def play(config: TrialConfig) -> tuple[list[EpochRecord], float]:
        return told, EACH

    config = StudyConfig.model_validate(
        {
            "name": "slots",
            "base": {"optimization": {"epochs": LONG}},
            "space": {"lr": {"low": 0.001, "high": 1, "log": True}},
            "search": {"trials": 100_000, "sampler": "sobol"},
            "resources": {"max_concurrent": slots},
        }
    )
    folder = root / config.name
    folder.mkdir(parents=True)
    with Ledger.create(folder / "ledger.db", config, {}) as ledger:
        return drive(folder, config, ledger, slots, seconds, play, every)


def asking(root: Path, finished: int, slots: int, seconds: float) -> dict[str, Any]:
    """Trials that end all the time, drawn by ``regime``."""
    folder = make(root, finished)

    def play(config: TrialConfig) -> tuple[list[EpochRecord], float]:
        rng = np.random.default_rng(int(config.trial_id, 16) % 2**32)
        errors = [float(np.clip(rng.normal(0.3 - 0.1 * np.log2(config.model.width), 0.1), 0.01, 0.9))] * 2
        told = [_epoch(epoch, errors, rng) for epoch in range(1, EPOCHS + 1)]
        return told, SECONDS_A_TRIAL * rng.uniform(0.5, 1.5) / EPOCHS

    with Ledger.open(folder / "ledger.db") as ledger:
        old = ledger.config
        search = old.search.model_copy(update={"sampler": "regime", "trials": 10 * finished})
        config = old.model_copy(update={"search": search})
        ledger.settle(config)
        with clocked() as asks:
            found = drive(folder, config, ledger, slots, seconds, play)
        drawn = asks.pop("before_first")
    cpu = asks["cpu"][1:]
    return found | {
        "asks": len(cpu),
        "first_ask": asks["cpu"][0],
        "ask": {"median": statistics.median(cpu), "worst": max(cpu)},
        "ask_wall": {"median": statistics.median(asks["wall"][1:]), "worst": max(asks["wall"][1:])},
        "drawn_before_first_result": drawn,
    }


@contextmanager
def clocked() -> Iterator[dict[str, Any]]:
    """CPU and wall seconds of each ask within, and how many came before the first trial was told."""
    ask, tell = Asker.ask, Asker.tell
    found: dict[str, Any] = {"cpu": [], "wall": [], "before_first": None}

    def timed(asker: Asker) -> Any:
        cpu, wall = time.thread_time(), time.monotonic()
        try:
            return ask(asker)
        finally:
            found["cpu"].append(time.thread_time() - cpu)
            found["wall"].append(time.monotonic() - wall)

    def told(asker: Asker, trial: Any) -> None:
        if found["before_first"] is None:
            found["before_first"] = len(found["cpu"])
        tell(asker, trial)

    with patch.object(Asker, "ask", timed), patch.object(Asker, "tell", told):
        yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, nargs="*", default=[64, 256, 1000])
    parser.add_argument("--seconds", type=float, default=30.0, help="of the first part, at each number of slots")
    parser.add_argument("--asks", type=int, default=4000, help="finished trials of the second part; 0: without it")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--dry", action="store_true", help="print only")
    arguments = parser.parse_args()
    if arguments.part:
        with tempfile.TemporaryDirectory(prefix="fitscape-slots-", ignore_cleanup_errors=True) as name:
            kind, slots = arguments.part.split(":")
            if kind == "asks":
                print(json.dumps(asking(Path(name), arguments.asks, int(slots), 4 * arguments.seconds)))
            else:
                every = 0.0 if kind == "alone" else None
                print(json.dumps(many_slots(Path(name), int(slots), arguments.seconds, every)))
        return
    parts = [f"together:{slots}" for slots in arguments.slots]
    parts += [f"alone:{min(arguments.slots)}"] if arguments.slots else []
    parts += [f"asks:{slots}" for slots in ASKING] if arguments.asks else []
    table: dict[str, Any] = {}
    for part in parts:
        given = [f"--part={part}", f"--seconds={arguments.seconds}", f"--asks={arguments.asks}"]
        command = [sys.executable, "-m", "benchmarks.slots", *given]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        table[part] = json.loads(done.stdout.splitlines()[-1])
        print(part, json.dumps(table[part]), flush=True)
    results = {"arguments": vars(arguments), "goals": GOALS, "table": table}
    if not arguments.dry:
        keep("slots", results, lambda axes: plot(table, axes))


def plot(table: dict[str, Any], axes: Any) -> None:
    """CPU of the driver over slots."""
    for kind in ("together", "alone"):
        points = sorted((int(part.split(":")[1]), row["cpu"]) for part, row in table.items() if part.startswith(kind))
        axes.plot([slots for slots, _ in points], [cpu for _, cpu in points], "o-", label=f"epochs {kind}")
    axes.axhline(GOALS["driver at 1,000 slots"], color="k", linestyle=":")
    axes.set_xlabel("slots, four epochs a second each")
    axes.set_ylabel("CPU of the driver [cores]")
    axes.legend()


if __name__ == "__main__":
    main()
