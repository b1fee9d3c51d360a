"""What happens to workers: SIGKILL at random, a stop, Ray's memory monitor, and the death of Ray's head.

``nice python -m benchmarks.drills.worker_kills [--kills 20] [--only kills|stop|memory|head]``: about 6 minutes on two
cores. Each part is a study of its own through the command.
"""

import argparse
import random
import signal
import time
from collections.abc import Callable, Iterator
from os import kill
from typing import Any

from benchmarks.drills.driver_process import Drivers, processes_of
from benchmarks.drills.survival import losses, report
from fitscape.study.config import StudyConfig
from fitscape.study.records import TrialRecord, TrialState

WORKER = "ray::ResourceTrainable"  # what Tune makes of a TrialRunner with resources
Part = dict[str, Any]


def config(name: str, *, trials: int, epochs: int, **resources: Any) -> StudyConfig:
    return StudyConfig.model_validate(
        {
            "name": name,
            "base": {"model": {"width": 0.125}, "optimization": {"epochs": epochs}},
            "space": {"lr": {"low": 0.01, "high": 0.3, "log": True}},
            "search": {"trials": trials},
            "resources": {"precision": "fp32", **resources},
        }
    )


def workers(session: int) -> Iterator[int]:
    """Processes that train; an idle or starting worker has another name."""
    return (pid for pid, words in processes_of(session) if WORKER in words)


def training(trials: list[TrialRecord]) -> bool:
    return any(trial.state is TrialState.RUNNING and trial.epochs for trial in trials)


def result(fault: str, tried: int, drivers: Drivers, code: int, wanted: int, **facts: Any) -> Part:
    lost = losses(drivers.folder, {}, drivers.folder.parent / "mlflow.db")
    well = not any(lost.values()) and code == wanted and all(facts.values())
    messages = sorted({trial.message for trial in drivers.trials() if trial.message})
    states = [trial.state.value for trial in drivers.trials()]
    part = {"fault": fault, "tried": tried, "survived": tried if well else 0, "exit_code": code, "lost": lost}
    part |= {
        "messages": messages,
        "states": {s: states.count(s) for s in set(states)},
        **facts,
    }
    print(part, f"the study and its log: {drivers.root}", sep="\n", flush=True)
    return part


def kills(count: int, seed: int) -> Part:
    """SIGKILL of one training process after the other; no trial may be lost, none begins anew without need."""
    drivers, draw = Drivers(config("workers", trials=count, epochs=12, max_attempts=20)), random.Random(seed)
    driver, done = drivers.start(), 0
    drivers.wait_until(driver, training)
    while done < count and driver.poll() is None:
        time.sleep(draw.uniform(0.5, 3))
        there = list(workers(driver.pid))
        if there:
            kill(draw.choice(there), signal.SIGKILL)
            done += 1
    code = driver.wait(timeout=1800)
    attempts = sum(trial.attempts for trial in drivers.trials())
    part = result("worker SIGKILLed", done, drivers, code, 0, all_killed=done == count)
    return {**part, "attempts": attempts}


def stop() -> Part:
    """SIGSTOP for good: the watchdog in the process sleeps as well, so that the driver's must end it."""
    drivers = Drivers(config("stop", trials=4, epochs=6, trial_timeout=15.0))
    driver = drivers.start()
    drivers.wait_until(driver, training)
    kill(next(workers(driver.pid)), signal.SIGSTOP)
    code = driver.wait(timeout=900)
    named = "hung: no step for" in drivers.log
    part = result("worker stopped for good (SIGSTOP)", 1, drivers, code, 0, named_as_hung=named)
    return {**part, "attempts": sum(trial.attempts for trial in drivers.trials())}


def memory() -> Part:
    """Ray's own monitor ends a worker when its node is short of memory; the threshold is put below what is used."""
    drivers = Drivers(config("memory", trials=2, epochs=6, max_attempts=2))
    environment = {"RAY_memory_usage_threshold": "0.05", "RAY_memory_monitor_refresh_ms": "500"}
    code = drivers.start(**environment).wait(timeout=900)
    named = all("oom" in trial.message for trial in drivers.trials() if trial.state is TrialState.FAILED)
    failed = any(trial.state is TrialState.FAILED for trial in drivers.trials())
    return result("worker ended by Ray's memory monitor", 2, drivers, code, 3, named=named, failed=failed)


def head() -> Part:
    """SIGKILL of Ray's control service under a running study; the driver must end, and a resume complete the study."""
    drivers = Drivers(config("head", trials=6, epochs=6))
    driver = drivers.start()
    drivers.wait_until(driver, lambda trials: any(trial.state.terminal for trial in trials))
    server = next(pid for pid, words in processes_of(driver.pid) if "gcs_server" in words)
    kill(server, signal.SIGKILL)
    begun = time.monotonic()
    first = driver.wait(timeout=600)
    seconds = time.monotonic() - begun
    code = drivers.start().wait(timeout=1800)
    part = result("Ray's head SIGKILLed, then resumed", 1, drivers, code, 0, ended_non_zero=first != 0)
    return {**part, "first_exit_code": first, "seconds_to_its_end": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["kills", "stop", "memory", "head"])
    options = parser.parse_args()
    parts: dict[str, Callable[[], Part]] = {
        "kills": lambda: kills(options.kills, options.seed),
        "stop": stop,
        "memory": memory,
        "head": head,
    }
    rows = [part() for name, part in parts.items() if options.only in (None, name)]
    lost = {row["fault"]: sum(row["lost"].values()) for row in rows}
    report("worker_kills" + (f"_{options.only}" if options.only else ""), rows, lost, seed=options.seed)
    raise SystemExit(any(row["tried"] != row["survived"] for row in rows))


if __name__ == "__main__":
    main()
