"""A study in a folder as a driver would leave it, without training: every state, an enqueued point off the space."""

from pathlib import Path
from typing import Any

from hand_made import make_epoch

from fitscape.study.config import Choices, Range, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import ModelSize, TrialState

PROVENANCE = {"data_fingerprint": "abc123", "data": {"classes": ["a", "b", "c"]}, "chance_error": 0.66}


def small_study(root: Path, name: str = "small") -> Path:
    """Twelve finished trials over width and learning rate, and one of each other state; returns the folder.

    The wide ones fit (errors 0.02 and 0.05), the narrow ones underfit (0.4 and 0.42).
    """
    folder = root / name
    folder.mkdir(parents=True)
    config = StudyConfig(
        name=name,
        space={
            "architecture": Choices(choices=("resnet18", "plain18")),
            "width": Range(low=0.125, high=1, log=True),
            "lr": Range(low=0.01, high=1, log=True),
        },
        base=TrialConfig().with_hyperparameters({"width": 0.5, "epochs": 2}),
        search=SearchConfig(trials=20),
    )
    with Ledger.create(folder / "ledger.db", config, PROVENANCE) as ledger:
        for i in range(12):
            wide = i % 2 == 0
            hyperparameters = {
                "architecture": "resnet18",
                "width": 0.5 + 0.04 * i if wide else 0.125 + 0.002 * i,
                "lr": 0.1,
            }
            _run(ledger, config, hyperparameters, *((0.02, 0.05) if wide else (0.4, 0.42)))
        off = {"architecture": "resnet20", "width": 1.5, "lr": 0.1}
        _run(ledger, config, off, 0.03, 0.06, origin="enqueue")
        _run(ledger, config, {"lr": 0.9}, float("nan"), float("nan"), TrialState.DIVERGED)
        _run(ledger, config, {"lr": 0.5}, 0.1, 0.2, TrialState.STOPPED)
        failed = ledger.add_trial(config.base.with_hyperparameters({"lr": 0.6}), {"lr": 0.6}, "sobol").trial_id
        ledger.start_attempt(failed, "here", "cpu")
        ledger.end_trial(failed, TrialState.FAILED, "oom: no memory left")
        running = ledger.add_trial(config.base.with_hyperparameters({"lr": 0.7}), {"lr": 0.7}, "sobol").trial_id
        ledger.start_attempt(running, "here", "cpu")
        ledger.record_epoch(running, make_epoch(0.5, 0.5, epoch=1))
        ledger.add_trial(config.base.with_hyperparameters({"lr": 0.8}), {"lr": 0.8}, "sobol")
    return folder


def _run(
    ledger: Ledger,
    config: StudyConfig,
    hyperparameters: dict[str, object],
    train: float,
    val: float,
    state: TrialState = TrialState.FINISHED,
    origin: str = "sobol",
    **extra: Any,
) -> None:
    trial_id = ledger.add_trial(config.base.with_hyperparameters(hyperparameters), hyperparameters, origin).trial_id
    ledger.start_attempt(trial_id, "here", "cpu")
    for epoch in (1, 2):
        ledger.record_epoch(trial_id, make_epoch(train, val, epoch=epoch, train_seconds=1.5, eval_seconds=0.5))
    ledger.end_trial(trial_id, state, size=ModelSize(parameters=2**53 + 1, flops=2_000_000), **extra)
