"""A cluster of two raylets, and a study that takes seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from raylets import Raylets

from fitscape.study.config import Choices, DataConfig, Optimization, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.reading.document import dump


@pytest.fixture(scope="module")
def raylets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raylets]:
    cluster = Raylets(tmp_path_factory.mktemp("raylets"))
    try:
        cluster.start()
        cluster.add()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    # Trials that outlast the start of a worker: one that is up first would else run them all.
    return write_study(tmp_path, trials=4, epochs=30)


def write_study(folder: Path, *, trials: int, epochs: int) -> Path:
    """``tiny.yaml``: nets of width 0.125 on 300 digits, a seed per trial."""
    config = StudyConfig(
        name="tiny",
        data=DataConfig(dataset="digits", limit=300, root=str(folder / "data")),
        base=TrialConfig(optimization=Optimization(epochs=epochs)).with_hyperparameters({"width": 0.125}),
        space={"seed": Choices(choices=tuple(range(trials)))},
        search=SearchConfig(sampler="grid", trials=trials),
    )
    file = folder / "tiny.yaml"
    file.write_text(dump(config.model_dump(mode="json")))
    return file
