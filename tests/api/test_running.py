"""``fitscape.run`` in a process of somebody else's: its event loop, its Ray and its life are left alone."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fitscape
from fitscape.study.api import running
from fitscape.study.config import StudyConfig
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.ledger import Ledger
from fitscape.study.scheduling.interruption import Interruption

# A kernel with a Ray of its own: a study inside a running loop, then one that is interrupted.
KERNEL = """
import asyncio, json, os, signal, sys, threading
import ray
ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False, _temp_dir=sys.argv[2])
import fitscape
base = {"model": {"width": 0.125}, "optimization": {"epochs": 1, "steps_per_epoch": 2, "batch_size": 16}}
config = {"name": "inside", "data": {"limit": 200}, "base": base, "search": {"trials": 2},
          "space": {"lr": {"low": 0.01, "high": 0.1, "log": True}}}

async def cell():
    return fitscape.run(config, sys.argv[1], quiet=True)

study = asyncio.run(cell())
told = {"first": [study.exit_code, len(study.trials)], "ray": [ray.is_initialized()]}

asked = threading.Event()

def interrupt(event):
    if event.name == "trial_end" and not asked.is_set():
        asked.set()
        os.kill(os.getpid(), signal.SIGINT)

long = fitscape.run(config, sys.argv[1], name="long", trials=400, observer=interrupt)
told |= {"second": [long.exit_code, sum(t.state.terminal for t in long.trials)]}
told["ray"].append(ray.is_initialized())
print(json.dumps(told))
ray.shutdown()
"""


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_kernel_keeps_its_loop_its_ray_and_its_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    temporary = Path("/tmp") / f"k{os.getpid()}"  # Ray's sockets want a short path
    ran = subprocess.run(
        [sys.executable, "-c", KERNEL, str(tmp_path / "runs"), str(temporary)],
        env=environment, capture_output=True, text=True, timeout=270, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout.strip().splitlines()[-1])
    assert told["first"] == [ExitCode.DONE, 2]
    assert told["ray"] == [True, True]
    code, ended = told["second"]
    assert code == ExitCode.INTERRUPTED
    assert 1 <= ended < 400


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the driver is asked for; in place of a run, a ledger, once the run has been asked to end or at once."""
    asked: list[dict[str, Any]] = []

    def run(config: StudyConfig, root: Path, *, interruption: Interruption, **options: object) -> ExitCode:
        asked.append({"config": config, "thread": threading.current_thread(), **options})
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        folder = root / config.name
        folder.mkdir(parents=True)
        Ledger.create(folder / "ledger.db", config, {"data": {"classes": ["a", "b"]}, "chance_error": 0.5}).close()
        if config.description == "wait":
            while not interruption.requested:
                time.sleep(0.01)
            return ExitCode.INTERRUPTED
        return ExitCode.DONE

    monkeypatch.setattr(running.driver, "run", run, raising=False)
    return asked


def test_a_recipe_a_dict_and_a_config_are_run_with_what_was_changed(
    drivers: list[dict[str, Any]], tmp_path: Path
) -> None:
    fitscape.run("quickstart", tmp_path, trials=3, settings={"data.limit": 500}, quiet=True)
    fitscape.run({"name": "mine", "search": {"trials": 5}}, tmp_path, quiet=True)
    study = fitscape.run(StudyConfig(name="other"), tmp_path, name="renamed", quiet=True)
    configs = [asked["config"] for asked in drivers]
    assert [(c.name, c.search.trials) for c in configs] == [("quickstart", 3), ("mine", 5), ("renamed", 24)]
    assert configs[0].data.limit == 500
    assert study.folder == tmp_path / "renamed"
    with pytest.raises(UserError, match="limt"):
        fitscape.run("quickstart", tmp_path, settings={"data.limt": 500})


def test_an_interrupt_ends_the_study_and_returns_what_is_there(drivers: list[dict[str, Any]], tmp_path: Path) -> None:
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    study = fitscape.run({"name": "mine", "description": "wait"}, tmp_path, quiet=True)
    timer.join()
    assert study.exit_code == ExitCode.INTERRUPTED
    assert study.trials == []


def test_a_run_inside_a_running_loop_has_a_thread_of_its_own(drivers: list[dict[str, Any]], tmp_path: Path) -> None:
    async def cell() -> tuple[fitscape.Study, threading.Thread]:
        return fitscape.run({"name": "mine"}, tmp_path, quiet=True), threading.current_thread()

    with ThreadPoolExecutor(
        1
    ) as threads:  # the main thread may have a loop, of a browser that other tests look through
        study, of_the_loop = threads.submit(asyncio.run, cell()).result()
    assert study.exit_code == ExitCode.DONE
    assert drivers[0]["thread"] is not of_the_loop


def test_a_run_that_leaves_no_ledger_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(running.driver, "run", lambda *_, **__: ExitCode.INTERRUPTED, raising=False)
    with pytest.raises(UserError, match="before it had a ledger"):
        fitscape.run({"name": "mine"}, tmp_path, quiet=True)


def test_a_script_that_ends_after_a_refusal_ends_in_order() -> None:
    """Its data may still be prepared in a thread: Python would end it amid native code, which aborts the process."""
    script = "import time, fitscape; fitscape.run; from fitscape.study.driver.background import Background\n"
    script += "Background(lambda: (time.sleep(0.5), print('prepared')))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "prepared\n", "")


def test_a_change_that_nobody_knows_is_not_allowed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="allow: 'codee' is not one of data, code, config"):
        fitscape.resume("mine", tmp_path, allow={"codee"})
