"""Nothing that Ray pickles for a task or an actor holds data: a study on CIFAR-10 would not begin."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import ray
import torch
from odd_trials import seeds_study

from fitscape.study.config import DataConfig, ResourceConfig, StudyConfig
from fitscape.study.data import TrialData
from fitscape.study.driver.preparing import Known, PreparedStudy, finish
from fitscape.study.ledger import Ledger
from fitscape.study.scheduling import capacity
from fitscape.study.scheduling.card_memory import DataShape
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.preflight import look_at
from fitscape.study.scheduling.run_trials import Outcome

LIMIT = 2**20  # bytes
IMAGES = 6_000  # 32x32 in colour: 18 MiB, as telling as CIFAR-10's 146 and quicker


@pytest.fixture(scope="module")
def many_images() -> TrialData:
    """As many bytes as matter here."""
    noise = torch.randint(0, 256, (IMAGES, 3, 32, 32), dtype=torch.uint8)
    return TrialData(
        train_images=noise,
        train_labels=torch.arange(IMAGES) % 10,
        train_moments=torch.ones(IMAGES, 3, 2, dtype=torch.int64),
        val_images=noise[:100].clone(),
        val_labels=torch.arange(100) % 10,
        val_half=torch.arange(100) % 2 == 0,
        classes=tuple("0123456789"),
        fingerprint="0" * 16,
    )


@contextmanager
def pickled() -> Iterator[list[tuple[str, int]]]:
    """What is pickled meanwhile, with its bytes: functions and classes on their way to workers, and arguments.

    What is put into the object store by itself is none of it: there it lies once a node, and is read without a copy.
    """
    from ray._private.serialization import SerializationContext
    from ray._private.worker import Worker

    seen: list[tuple[str, int]] = []
    dumps, serialize, put = ray.cloudpickle.dumps, SerializationContext.serialize, Worker.put_object
    putting = 0

    def measured_dumps(value: Any, *arguments: Any, **named: Any) -> bytes:
        data: bytes = dumps(value, *arguments, **named)
        if not putting:
            seen.append((f"function {getattr(value, '__name__', type(value).__name__)}", len(data)))
        return data

    def measured_serialize(self: Any, value: Any) -> Any:
        result = serialize(self, value)
        if not putting:
            seen.append((f"argument {type(value).__name__}", result.total_bytes))
        return result

    def measured_put(*arguments: Any, **named: Any) -> Any:
        nonlocal putting
        putting += 1
        try:
            return put(*arguments, **named)
        finally:
            putting -= 1

    with pytest.MonkeyPatch.context() as patch:
        for module in [m for name, m in sys.modules.items() if name.startswith("ray")]:
            for name, value in list(vars(module).items()):
                if value is dumps:
                    patch.setattr(module, name, measured_dumps)
        patch.setattr(SerializationContext, "serialize", measured_serialize)
        patch.setattr(Worker, "put_object", measured_put)
        yield seen


def too_large(seen: list[tuple[str, int]]) -> list[tuple[str, int]]:
    assert seen, "nothing was measured"
    return [(what, size) for what, size in seen if size > LIMIT]


def test_what_is_measured_sees_data_in_a_closure(cluster: Cluster, many_images: TrialData) -> None:
    with pickled() as seen:
        assert capacity.on_worker(lambda: len(many_images.train_labels), capacity.Request(1, 0)) == IMAGES
    assert too_large(seen)


# One way of asking for cards stands for all: each is a calibration of seconds.
@pytest.mark.parametrize("gpus", ["auto", *(pytest.param(asked, marks=pytest.mark.slow) for asked in (0, 0.5))])
def test_calibration_sends_no_data(
    cluster: Cluster, many_images: TrialData, tmp_path: Path, gpus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(cluster), "local", property(lambda self: False))
    config = StudyConfig(name="s", data=DataConfig(), resources=ResourceConfig(gpus_per_trial=gpus)).model_copy(
        update={"base": seeds_study([1]).base.with_hyperparameters({"width": 0.0625, "batch_size": 2})}
    )
    shape = DataShape.of(many_images)
    prepared = PreparedStudy(data=None, shape=shape, trial=config.base, hungry=(config.base,), settings=None, keep=None)  # type: ignore[arg-type]
    with pickled() as seen, Ledger.create(tmp_path / "ledger.db", config, {}) as ledger:
        look_at(cluster, config.resources, str(tmp_path / "storage"))
        _, request = finish(prepared, config, ledger, cluster, lambda text: None)
    assert request.gpus == {0: 0, "auto": 1.0, 0.5: 0.5}[gpus]
    assert too_large(seen) == []


def test_trials_send_no_data(
    run_study: Callable[..., Outcome], many_images: TrialData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pickled() as seen:
        run_study(tmp_path, seeds_study([1, 2], epochs=1), data=many_images)
    assert too_large(seen) == []


def test_what_is_prepared_knows_the_data_by_its_shape(many_images: TrialData) -> None:
    shape = DataShape.of(many_images)
    assert (shape.image, shape.classes, shape.train, shape.validation) == ((3, 32, 32), 10, IMAGES, 100)
    made_up = shape.made_up()
    assert made_up.train_images.shape == many_images.train_images.shape
    assert made_up.val_half.sum() == 50
    assert Known().settings is None
