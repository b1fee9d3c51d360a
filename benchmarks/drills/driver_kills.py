"""SIGKILL of the driver at random times, resumed each time until the study is done.

``nice python -m benchmarks.drills.driver_kills [--kills 50] [--minutes 60] [--seed 0]``: 15 minutes on two idle cores.
Many small trials on a Ray of this machine, an adaptive sampler, MLflow in SQLite. Every other driver is killed at any
time from its start on, the others within ten seconds from their first record on. Nothing but the driver is killed: what
becomes of its Ray and of its temporary folder is part of the drill.
"""

import argparse
import random
import subprocess
import time
from collections import Counter
from tempfile import gettempdir
from typing import Any

from benchmarks.drills.driver_process import Drivers, kill, processes_of
from benchmarks.drills.survival import losses, report
from fitscape.study.config import StudyConfig
from fitscape.study.records import TrialRecord

AHEAD = 24  # trials that the target is above what has ended: the study is never done before the last kill
LOOK_AFTER = 5.0  # seconds from a kill to the look at what the driver had started
WRITING = 10.0  # seconds from the first record on, within which a kill falls


def config(target: int) -> StudyConfig:
    return StudyConfig.model_validate(
        {
            "name": "kills",
            "data": {"limit": 400},
            "base": {"model": {"width": 0.125}, "optimization": {"epochs": 3}},
            # High rates diverge without normalization: that is an end as well.
            "space": {"lr": {"low": 0.01, "high": 30, "log": True}, "norm": {"choices": ["batch", "none"]}},
            "search": {"trials": target, "sampler": "tpe"},
            "resources": {"precision": "fp32"},
        }
    )


def written(trials: list[TrialRecord]) -> list[tuple[Any, ...]]:
    return [(trial.trial_id, trial.state, trial.attempts, len(trial.epochs)) for trial in trials]


class Drill:
    """One study and its drivers, one after the other."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self.drivers = Drivers(config(AHEAD))
        self._temporary = self.drivers.root / "temporary"
        self._temporary.mkdir()
        self.ended: dict[str, TrialRecord] = {}  # as they were when they were first seen
        self.kills: list[dict[str, Any]] = []
        self.slow_to_go = 0  # processes of every fifth driver that were still there 5 s after its end
        self._sessions: list[int] = []
        self._start = 30.0  # seconds to the first record, of the latest driver that was let come so far

    def resume(self) -> subprocess.Popen[bytes]:
        more = ["--trials", str(len(self.ended) + AHEAD)] if self.drivers.trials() else []
        # Ray's sockets want a short path.
        places = {"TMPDIR": str(self._temporary), "RAY_TMPDIR": gettempdir()}
        return self.drivers.start("--quiet", *more, **places)

    def kill_one(self) -> None:
        before, begun = written(self.drivers.trials()), time.monotonic()
        driver = self.resume()
        if len(self.kills) % 2:
            time.sleep(self._draw.uniform(0.2, self._start))
        else:
            self.drivers.wait_until(driver, lambda trials: len(trials) > 0 and written(trials) != before)
            self._start = time.monotonic() - begun
            time.sleep(self._draw.uniform(0, WRITING))
        if driver.poll() is not None:
            raise RuntimeError(f"the driver ended by itself with {driver.returncode}:\n{self.drivers.log[-3000:]}")
        kill(driver)
        self._sessions.append(driver.pid)
        after, now = time.monotonic() - begun, self.drivers.trials()
        stage = "before the ledger is there" if not now else "starting" if written(now) == before else "writing"
        for trial in now:
            if trial.state.terminal:
                self.ended.setdefault(trial.trial_id, trial)
        self.kills.append({"after_s": round(after, 1), "stage": stage, "ended": len(self.ended)})
        print(len(self.kills), self.kills[-1], flush=True)
        if len(self.kills) % 5 == 0:
            time.sleep(LOOK_AFTER)
            self.slow_to_go += len(list(processes_of(driver.pid)))

    def left_behind(self) -> int:
        """Processes that killed drivers had started and that still live."""
        return sum(len(list(processes_of(session))) for session in self._sessions)

    def folders_left_behind(self) -> int:
        return len(list(self._temporary.glob("fitscape-*")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=60, help="no further kill after so many")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    drill, begun = Drill(options.seed), time.monotonic()
    while len(drill.kills) < options.kills and time.monotonic() - begun < 60 * options.minutes:
        drill.kill_one()
    code = drill.resume().wait(timeout=1800)

    folder = drill.drivers.folder
    lost = losses(folder, drill.ended, folder.parent / "mlflow.db")
    lost |= {"processes left behind": drill.left_behind(), "temporary folders left behind": drill.folders_left_behind()}
    lost |= {"odd exit code": int(code not in (0, 3))}
    stages = Counter(kill["stage"] for kill in drill.kills)
    well = not any(lost.values())
    rows = [
        {"fault": f"driver SIGKILLed, {stage}", "tried": count, "survived": count if well else 0}
        for stage, count in sorted(stages.items())
    ]
    facts = {
        "kills_wanted": options.kills,
        "kills_tried": len(drill.kills),
        "commit": drill.drivers.commit,
        "states": Counter(trial.state.value for trial in drill.drivers.trials()),
        "last_exit_code": code,
        "processes_5_s_after_every_fifth_kill": drill.slow_to_go,
        "minutes": round((time.monotonic() - begun) / 60, 1),
        "seed": options.seed,
        "kills": drill.kills,
    }
    report("driver_kills", rows, lost, **facts)
    print(f"the study and its log: {drill.drivers.root}")
    raise SystemExit(0 if well else 1)


if __name__ == "__main__":
    main()
