"""The real driver on trials that train nothing, in one process and without Ray: a study in a second.

Ledger, config, checkpoints, lease, backups, sampler, writer and shipper are what they always are. In Tune's place is a
loop that runs one trial after the other in a real ``TrialRunner``.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.data import TrialData, load
from fitscape.study.driver import backups, lease, run_study, start
from fitscape.study.driver.preparing import PreparedStudy
from fitscape.study.errors import UserError
from fitscape.study.files import BACKUP, LEDGER
from fitscape.study.records import EpochRecord, ModelSize
from fitscape.study.scheduling import ledger_writer, run_trials, trial_queue, tune_loop, worker
from fitscape.study.scheduling.card_memory import DataShape
from fitscape.study.scheduling.packing import Request, SetAside
from fitscape.study.training import Progress, Settings

TRIALS, EPOCHS = 3, 3
HEAVY = (
    "alembic.command",
    "mlflow.store.artifact.local_artifact_repo",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracking.client",
    "optuna",
    "sqlalchemy.dialects.sqlite",
)
NOON = 1_700_000_000.0


def config(name: str = "small", trials: int = TRIALS) -> StudyConfig:
    return StudyConfig.model_validate(
        {
            "name": name,
            "data": {"limit": 200, "probe_size": 50},
            "base": {"optimization": {"epochs": EPOCHS}},
            "space": {"lr": {"low": 0.01, "high": 0.3, "log": True}},
            "search": {"trials": trials},
            "resources": {"precision": "fp32", "storage_grace": 5.0},
        }
    )


def record(config: TrialConfig, epoch: int) -> EpochRecord:
    """The same for the same trial and epoch, times included."""
    value = (int(config.trial_id, 16) % 1000) / 2000 + 0.3 / epoch
    errors = ("train_loss", "train_error", "val_loss", "val_error", "val_loss_a", "val_loss_b", "val_error_a")
    rates = ("val_error_b", "batch_loss", "learning_rate", "train_seconds", "eval_seconds", "images_per_second")
    values: dict[str, Any] = dict.fromkeys((*errors, *rates, "peak_memory_mib"), value)
    return EpochRecord(epoch=epoch, step=epoch, time=NOON + epoch, train_n=100, val_n=100, **values)


def no_op(
    config: TrialConfig, data: TrialData, *, settings: Settings, checkpoint: bytes | None, on_step: Callable[[], None]
) -> Iterator[Progress]:
    """In the place of ``study.training.run_trial``; its state is the number of its epoch."""
    return _epochs(config, 0 if checkpoint is None else int(checkpoint))


def _epochs(config: TrialConfig, done: int) -> Iterator[Progress]:
    for epoch in range(done + 1, config.optimization.epochs + 1):
        state = str(epoch).encode()
        yield Progress(
            record=record(config, epoch),
            checkpoint=lambda state=state: state,  # type: ignore[misc]
            diverged=False,
            late=None,
            size=ModelSize(parameters=7, flops=9),
            halved=False,
        )


class OneProcess:
    """In the place of a cluster."""

    local = True
    mps = False

    def __init__(self, address: str | None) -> None:
        self.aside = SetAside()

    def __enter__(self) -> "OneProcess":
        return self

    def close(self) -> None:
        pass

    def wait_for_workers(self, resources: Any, interruption: Any, say: Any) -> None:
        pass

    def slots(self, request: Request) -> int:
        return 1

    def nodes(self) -> list[Any]:
        return []


def one_by_one(
    config: StudyConfig,
    shared: worker.Shared,
    places: Any,
    bookkeeper: Any,
    feed: Any,
    attempts: Any,
    pace: Any,
    outlook: Any,
    interruption: Any,
) -> None:
    """In the place of Tune's loop."""
    number = 0
    while not interruption.requested:
        number += 1
        suggestion = feed.suggest(str(number))
        if suggestion == feed.FINISHED:
            return
        if suggestion is None:
            time.sleep(0.005)
            continue
        runner = worker.TrialRunner.__new__(worker.TrialRunner)
        runner.setup(suggestion, shared)
        done = False
        while not done and not interruption.requested:
            result = runner.step()
            report, done = result["report"], result["done"]
            bookkeeper.report(suggestion["id"], report)
            if report.cannot_go_on:
                interruption.request(report.cannot_go_on)
        runner.cleanup()
        feed.on_trial_complete(str(number))


def prepare_once() -> None:
    """Put the stand-ins in place, and load what every run needs; processes forked from here start at once."""
    for module in HEAVY:
        import_module(module)
    data = load(config().data)
    prepared = PreparedStudy(data, DataShape.of(data.trial_data), config().base, (), Settings(), {})
    run_study.Cluster = OneProcess  # type: ignore[assignment,misc]
    run_study.prepare = lambda *_, **__: prepared
    run_study.finish = lambda *_, **__: (Settings(), Request(1, 0))
    run_study.look_at = lambda *_, **__: []
    run_study.Conduct._labels_and_report = _page  # type: ignore[method-assign,assignment]
    tune_loop.tune_trials = one_by_one
    worker.ray = SimpleNamespace(
        get_gpu_ids=lambda: [], get_runtime_context=lambda: SimpleNamespace(get_node_id=lambda: "0" * 16)
    )
    run_trials.run_trials = partial(run_trials.run_trials, run=no_op, save_every=0.0)
    backups.FIRST_BACKUP = backups.BACKLOG_EVERY = 0.05
    lease.SETTLE, lease.BEAT_EVERY = 0.01, 0.5
    ledger_writer.RETRY_EVERY = 0.02
    ledger_writer.GIVE_UP_AFTER = trial_queue.ADD_WITHIN = 5.0
    run_study.SHIP_WITHIN = 90.0


def _page(conduct: Any, outcome: Any, data: Any) -> str:
    """Something for MLflow to take; the real report would take longer than all the rest."""
    page = conduct._folder.report / "index.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text("<h1>map</h1>")
    return str(page)


def drive(root: Path, storage: str | None) -> int:
    """``run`` where there is no study yet, ``resume`` where there is; the exit code."""
    study = config()
    folder = root / study.name
    there = any((folder / name).is_file() and (folder / name).stat().st_size for name in (LEDGER, BACKUP))
    try:
        if there:
            return start.resume(folder, storage=storage)
        return start.run(study, root, storage=storage)
    except UserError as error:
        print(error, flush=True)
        return error.exit_code
