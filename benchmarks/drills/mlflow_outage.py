"""MLflow killed, or hung by SIGSTOP, for two minutes in the middle of a study: seconds and points lost.

``nice python -m benchmarks.drills.mlflow_outage [--outage 120] [--trials 240] [--only killed|hung]``: about 8 minutes
on 2 quiet cores; where others are at work fewer trials will do, as long as the study outlasts the outage.
Each disturbed study runs side by side with an undisturbed one of the same trials, one trial at a time each and each
with an MLflow server of its own, so that both meet the same machine at the same time.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from mlflow_server import MlflowServer

from benchmarks.drills.driver_process import Drivers
from benchmarks.drills.survival import losses, report
from fitscape.study.config import StudyConfig
from fitscape.study.tracking import ui_command


def config(name: str, trials: int, uri: str) -> StudyConfig:
    return StudyConfig.model_validate(
        {
            "name": name,
            "base": {"model": {"width": 0.125}, "optimization": {"epochs": 6}},
            "space": {"lr": {"low": 0.01, "high": 0.3, "log": True}},
            "search": {"trials": trials},
            "resources": {"precision": "fp32", "max_concurrent": 1},
            "tracking": {"uri": uri},
        }
    )


class Side:
    """One study and its MLflow server."""

    def __init__(self, name: str, trials: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="fitscape-drill-mlflow-"))
        self.server = MlflowServer(lambda port: ui_command(self._folder, port), self._folder / "server.log")
        self.server.start()
        self.drivers = Drivers(config(name, trials, self.server.uri))
        self.seconds = 0.0

    def run(self) -> subprocess.Popen[bytes]:
        driver = self.drivers.start("--json")

        def watch(begun: float) -> None:
            driver.wait()
            self.seconds = time.monotonic() - begun

        self.watching = threading.Thread(target=watch, args=(time.monotonic(),), daemon=True)
        self.watching.start()
        return driver

    def trials_seconds(self) -> float:
        """From the first epoch's end to the last one's, by the records' own clock."""
        times = [record.time for trial in self.drivers.trials() for record in trial.epochs]
        return max(times) - min(times)

    def lost(self) -> dict[str, int]:
        return losses(self.drivers.folder, {}, self._folder / "mlflow.db")


def outage(kind: str, server: MlflowServer, seconds: float) -> None:
    if kind == "killed":
        server.kill()
        time.sleep(seconds)
        server.start()
    else:
        server.signal(signal.SIGSTOP)
        time.sleep(seconds)
        server.signal(signal.SIGCONT)


def pair(kind: str, trials: int, seconds: float) -> dict[str, Any]:
    """One disturbed study beside an undisturbed one."""
    calm, disturbed = Side("calm", trials), Side(kind, trials)
    processes = [calm.run(), disturbed.run()]
    disturbed.drivers.wait_until(processes[1], lambda trials: any(trial.epochs for trial in trials))
    calm.drivers.wait_until(processes[0], lambda trials: any(trial.epochs for trial in trials))
    before = sum(len(trial.epochs) for trial in disturbed.drivers.trials())
    outage(kind, disturbed.server, seconds)
    during = sum(len(trial.epochs) for trial in disturbed.drivers.trials()) - before
    running = processes[1].poll() is None
    for side in (calm, disturbed):
        side.watching.join(timeout=1800)
        side.server.kill()
    if not running:  # then the rest waits for `fitscape sync`, as it should, but nothing is shown
        raise SystemExit(f"the study ended before the outage of {seconds:g} s: give it more than {trials} --trials")
    facts = {
        "kind": kind,
        "outage_s": seconds,
        "epochs_during_the_outage": during,
        "study_s": {"calm": round(calm.seconds, 1), kind: round(disturbed.seconds, 1)},
        "difference_s": round(disturbed.seconds - calm.seconds, 1),
        "trials_s": {"calm": round(calm.trials_seconds(), 1), kind: round(disturbed.trials_seconds(), 1)},
        "exit_codes": [process.returncode for process in processes],
        "lost": {"calm": calm.lost(), kind: disturbed.lost()},
        "folders": [str(side.drivers.root) for side in (calm, disturbed)],
    }
    print(facts, flush=True)
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outage", type=float, default=120)
    parser.add_argument("--trials", type=int, default=240)
    parser.add_argument("--only", choices=["killed", "hung"])
    options = parser.parse_args()
    kinds = [options.only] if options.only else ["killed", "hung"]
    pairs = [pair(kind, options.trials, options.outage) for kind in kinds]
    rows = [
        {
            "fault": f"MLflow {found['kind']} for {options.outage:g} s",
            "tried": 1,
            "survived": int(not any(found["lost"][found["kind"]].values()) and found["exit_codes"] == [0, 0]),
        }
        for found in pairs
    ]
    lost = {f"{f['kind']}: points missing or doubled": points(f["lost"][f["kind"]]) for f in pairs}
    lost |= {f"{f['kind']}: seconds beyond the undisturbed study": f["difference_s"] for f in pairs}
    report("mlflow_outage", rows, lost, pairs=pairs)


def points(lost: dict[str, int]) -> int:
    return lost["points missing in MLflow"] + lost["points doubled in MLflow"]


if __name__ == "__main__":
    main()
