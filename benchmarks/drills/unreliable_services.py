"""A study of 200 trials on Ray while MLflow limits and stumbles, and the storage is out for a minute.

``nice python -m benchmarks.drills.unreliable_services [--trials 200] [--outage 60]``: about 4 minutes on two quiet
cores. Trials train nothing; driver, Ray, ledger, lease, backups, checkpoints' storage (SeaweedFS) and MLflow are real.
Of MLflow's calls one in a hundred is answered by 500, every other one of those after it was carried out, and what is
beyond 20 calls a second, and every 25th call, by 429 and ``Retry-After: 1``. From the 50th ended trial on the storage
answers nothing.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from faulty_proxy import Answer, Call, FaultyProxy
from mlflow_server import MlflowServer
from s3_server import S3Server

from benchmarks.drills.survival import losses, report
from benchmarks.no_op_study import record
from fitscape.study import driver
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.records import ModelSize
from fitscape.study.scheduling import run_trials
from fitscape.study.scheduling.events import Event, Message, TrialEnded
from fitscape.study.tracking import ui_command
from fitscape.study.training import Progress, Settings

CALLS_A_SECOND = 20
FROM = 50  # ended trials


def no_op(
    config: TrialConfig, data: TrialData, *, settings: Settings, checkpoint: bytes | None, on_step: Callable[[], None]
) -> Iterator[Progress]:
    """In the place of ``study.training.run_trial``."""
    for epoch in range(1, config.optimization.epochs + 1):
        yield Progress(
            record=record(epoch),
            checkpoint=lambda: b"",
            diverged=False,
            late=None,
            size=ModelSize(parameters=1, flops=1),
            halved=False,
        )


class Weather:
    """Decides what the two proxies answer, and hears how far the study is."""

    def __init__(self, outage: float) -> None:
        self._outage, self._out_until = outage, 0.0
        self._recent: list[float] = []
        self._guard = threading.Lock()
        self.given: Counter[str] = Counter()
        self.ended = 0
        self.messages: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrialEnded):
            self.ended += 1
            if self.ended == FROM:
                self._out_until = time.monotonic() + self._outage
        elif isinstance(event, Message):
            self.messages.append(event.text)
            print(event.text, flush=True)

    def mlflow(self, call: Call) -> Answer | None:
        with self._guard:
            now = time.monotonic()
            self._recent = [at for at in self._recent if now - at < 1]
            if len(self._recent) >= CALLS_A_SECOND or call.number % 25 == 12:
                self.given["MLflow answers 429"] += 1
                return Answer(429, retry_after=1)
            self._recent.append(now)
            if call.number % 100 == 50:
                self.given["MLflow answers 500"] += 1
                return Answer(500, after=call.number % 200 == 50)
            return None

    def storage(self, call: Call) -> Answer | None:
        if time.monotonic() < self._out_until:
            self.given["the storage answers nothing"] += 1
            return Answer(0)
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--outage", type=float, default=60.0)
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="fitscape-drill-services-"))
    (base / "mlflow").mkdir()
    mlflow = MlflowServer(lambda port: ui_command(base / "mlflow", port), base / "server.log")
    store = S3Server(base / "s3")
    mlflow.start()
    store.start()
    store.make_bucket()
    weather = Weather(options.outage)
    before_mlflow, before_store = FaultyProxy(mlflow.port), FaultyProxy(store.port)
    before_mlflow.fault, before_store.fault = weather.mlflow, weather.storage
    config = StudyConfig.model_validate(
        {
            "name": "unreliable",
            "data": {"limit": 200, "probe_size": 50},
            "base": {"optimization": {"epochs": 3}},
            "space": {"lr": {"low": 0.001, "high": 1, "log": True}},
            "search": {"trials": options.trials},
            "resources": {"precision": "fp32"},
            "tracking": {"uri": before_mlflow.uri},
        }
    )
    whole: Any = run_trials.run_trials
    run_trials.run_trials = partial(whole, run=no_op)
    begun = time.monotonic()
    code = driver.run(config, base / "runs", observer=weather, storage=store.uri(port=before_store.port))
    seconds = time.monotonic() - begun
    lost = losses(base / "runs" / config.name, {}, base / "mlflow" / "mlflow.db")
    lost |= {"exit code": int(code)}
    well = not any(lost.values())
    mlflow.kill()
    store.kill()
    rows = [
        {"fault": what, "tried": count, "survived": count if well else 0}
        for what, count in sorted(weather.given.items())
    ]
    facts = {
        "trials": options.trials,
        "outage_s": options.outage,
        "seconds": round(seconds, 1),
        "calls_to_mlflow": len(before_mlflow.calls),
        "calls_to_the_storage": len(before_store.calls),
        "messages": len(weather.messages),
    }
    report("unreliable_services", rows, lost, **facts)
    raise SystemExit(0 if well else 1)


if __name__ == "__main__":
    main()
