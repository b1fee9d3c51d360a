"""One local Ray for all tests of the room, and a study on it that takes seconds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hand_made
import odd_trials as odd
import pytest
from no_images import ten_images
from odd_trials import odd_trials

from fitscape.study.config import StudyConfig
from fitscape.study.data import TrialData
from fitscape.study.ledger import Ledger
from fitscape.study.scheduling.cards import LOGICAL
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Request
from fitscape.study.scheduling.run_trials import Outcome, run_trials
from fitscape.study.training import Settings


@pytest.fixture(scope="session", autouse=True)
def logical_gpus() -> Iterator[None]:
    """GPUs of these tests are numbers: there is no card."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOGICAL, "4")
        yield


@pytest.fixture(scope="session")
def cluster(logical_gpus: None) -> Iterator[Cluster]:
    with Cluster(cpus=2, gpus=4) as cluster:
        from ray import cloudpickle

        for module in (hand_made, odd):  # workers do not have tests/support on their path
            cloudpickle.register_pickle_by_value(module)
        yield cluster


@pytest.fixture(scope="session")
def images() -> TrialData:
    return ten_images()


@pytest.fixture(scope="session")
def run_study(cluster: Cluster, images: TrialData) -> Callable[..., Outcome]:
    """Run what a folder's ledger lacks, with odd trials."""

    def run(folder: Path, config: StudyConfig, *, seconds: float = 0.0, **given: Any) -> Outcome:
        path = folder / "ledger.db"
        ledger = Ledger.open(path) if path.exists() else Ledger.create(path, config, {})
        with ledger:
            return run_trials(
                config,
                ledger,
                given.pop("data", images),
                **{
                    "cluster": cluster,
                    "request": Request(1, 0),
                    "settings": Settings(),
                    "checkpoints": CheckpointStore(str(folder / "checkpoints")),
                    "interruption": Interruption(),
                    "run": odd_trials(folder, seconds=seconds),
                    "save_every": 0.0,
                    **given,
                },
            )

    return run
