"""A study on data of CIFAR-10's size, from the command to the last trial, wherever trials run.

0.1.0 ended before its first trial: it pickled the images into the function that measures a card.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_up_cifar import TRAIN_BYTES
from raylets import Raylets

from fitscape.study.config import Choices, DataConfig, Optimization, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.ledger import Ledger
from fitscape.study.reading.document import dump
from fitscape.study.records import TrialRecord, TrialState

pytestmark = [pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(900)]
REPOSITORY = Path(__file__).parents[2]
SUPPORT = Path(__file__).parents[1] / "support"
TRIALS = 4


@pytest.fixture(params=[0, 2], ids=["cpu", "logical-gpus"])
def two_nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Raylets, int]]:
    gpus: int = request.param
    cluster = Raylets(tmp_path, gpus=gpus, object_store=4 * TRAIN_BYTES)
    try:
        cluster.start()
        cluster.add()
        yield cluster, gpus
    finally:
        cluster.stop()


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Each trial takes a moment: it is the way there that is tried."""
    base = TrialConfig(optimization=Optimization(epochs=2, steps_per_epoch=4, batch_size=16))
    config = StudyConfig(
        name="cifar",
        data=DataConfig(dataset="cifar10", root=str(tmp_path / "data"), validation_fraction=0.02, probe_size=50),
        base=base.with_hyperparameters({"width": 0.0625}),
        space={"seed": Choices(choices=tuple(range(TRIALS)))},
        search=SearchConfig(sampler="grid", trials=TRIALS),
    )
    file = tmp_path / "cifar.yaml"
    file.write_text(dump(config.model_dump(mode="json")))
    return file


def run(study: Path, *words: str, environment: dict[str, str]) -> str:
    data = study.parent / "data" / "cifar10"
    command = [
        sys.executable,
        SUPPORT / "made_up_cifar.py",
        data,
        "run",
        study,
        "--root",
        study.parent / "runs",
        *words,
    ]
    environment = {**environment, "PYTHONPATH": str(REPOSITORY)}
    ran = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=800
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def trials_of(study: Path) -> list[TrialRecord]:
    with Ledger.open(study.parent / "runs" / "cifar" / "ledger.db", read_only=True) as ledger:
        return ledger.trials()


def test_on_two_nodes(two_nodes: tuple[Raylets, int], study: Path) -> None:
    raylets, gpus = two_nodes
    logical = {"FITSCAPE_LOGICAL_GPUS": str(gpus)} if gpus else {}
    said = run(study, "--address", raylets.address, environment={**raylets.environment, **logical})
    trials = trials_of(study)
    assert [trial.state for trial in trials] == [TrialState.FINISHED] * TRIALS
    assert ("each trial has a card to itself" in said) == bool(gpus)


def test_on_one_machine_with_one_logical_card(study: Path) -> None:
    said = run(study, environment={**os.environ, "FITSCAPE_LOGICAL_GPUS": "1"})
    assert [trial.state for trial in trials_of(study)] == [TrialState.FINISHED] * TRIALS
    assert "1 x logical GPU; each trial has a card to itself" in said
