import statistics
import threading
import weakref
from collections.abc import Iterator

import pytest
import torch

from fitscape.models.spec import ModelSpec
from fitscape.study.training import Settings, calibration, choose_settings

TIMES = {
    ("fp32", "nchw"): 8,
    ("fp32", "channels_last"): 2,
    ("fp32", "mixed"): 4,
    ("bf16", "nchw"): 16,
    ("bf16", "channels_last"): 64,
    ("bf16", "mixed"): 32,
}
SPEC = ModelSpec(family="resnet", depth=20, width=0.25)


def test_fastest_is_chosen_and_all_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Timed(calibration.Stepper):
        def __init__(self, *args: object, settings: Settings, batch: int) -> None:
            self.time = TIMES[settings.precision, settings.memory_format]

        def seconds(self, steps: int = 1) -> float:
            return self.time

    monkeypatch.setattr(calibration, "Stepper", Timed)
    chosen = choose_settings(SPEC, (1, 8, 8), 10, settings=Settings())
    assert (chosen.precision, chosen.memory_format) == ("fp32", "channels_last")
    assert [r.images_per_second for r in chosen.rates] == [32 / time for time in TIMES.values()]
    chosen = choose_settings(SPEC, (1, 8, 8), 10, settings=Settings(), precision="bf16")
    assert (chosen.precision, chosen.memory_format) == ("bf16", "nchw")


def test_a_candidate_that_does_not_fit_is_dropped_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    class Large(calibration.Stepper):
        def __init__(self, *args: object, settings: Settings, batch: int) -> None:
            self.settings = settings

        def seconds(self, steps: int = 1) -> float:
            if self.settings.precision == "fp32":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return TIMES[self.settings.precision, self.settings.memory_format]

    monkeypatch.setattr(calibration, "Stepper", Large)
    chosen = choose_settings(SPEC, (1, 8, 8), 10, settings=Settings())
    assert (chosen.precision, chosen.memory_format) == ("bf16", "nchw")
    assert {rate.precision for rate in chosen.rates} == {"bf16"}
    with pytest.raises(torch.OutOfMemoryError):
        choose_settings(SPEC, (1, 8, 8), 10, settings=Settings(), precision="fp32")


def test_two_nets_at_most_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: weakref.WeakSet[object] = weakref.WeakSet()
    most = 0

    class Counted(calibration.Stepper):
        def __init__(self, *args: object, settings: Settings, batch: int) -> None:
            nonlocal most
            self.me, self.time = self, TIMES[settings.precision, settings.memory_format]  # a circle, as nets have them
            alive.add(self)
            most = max(most, len(alive))

        def seconds(self, steps: int = 1) -> float:
            return self.time

    monkeypatch.setattr(calibration, "Stepper", Counted)
    assert len(choose_settings(SPEC, (1, 8, 8), 10, settings=Settings()).rates) == len(TIMES)
    assert most == 2


def test_a_candidate_that_fits_alone_only_is_measured_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: weakref.WeakSet[object] = weakref.WeakSet()

    class Large(calibration.Stepper):
        def __init__(self, *args: object, settings: Settings, batch: int) -> None:
            self.large, self.time = settings.precision == "bf16", 1 if settings.precision == "bf16" else 2
            alive.add(self)

        def seconds(self, steps: int = 1) -> float:
            if self.large and len(alive) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return self.time

    monkeypatch.setattr(calibration, "Stepper", Large)
    chosen = choose_settings(SPEC, (1, 8, 8), 10, settings=Settings())
    assert chosen.precision == "bf16"
    assert len(chosen.rates) == len(TIMES)


def test_only_the_layouts_that_are_named_are_tried() -> None:
    chosen = choose_settings(SPEC, (1, 8, 8), 10, settings=Settings(), batch_size=8, formats=("nchw",))
    assert {rate.memory_format for rate in chosen.rates} == {"nchw"}


def test_real_measurement_keeps_what_was_given() -> None:
    chosen = choose_settings(SPEC, (1, 8, 8), 10, settings=Settings(threads=1), batch_size=16)
    assert (chosen.device, chosen.threads) == ("cpu", 1)
    assert max(chosen.rates, key=lambda r: r.images_per_second).precision == chosen.precision
    assert all(r.images_per_second > 0 for r in chosen.rates)


def test_work_of_other_threads_does_not_count(one_thread: None) -> None:
    stepper = calibration.Stepper(SPEC, (1, 8, 8), 10, settings=Settings(), batch=16)
    stepper.seconds()

    def median() -> float:
        return statistics.median(stepper.seconds() for _ in range(5))

    def busy() -> None:
        x = torch.rand(128, 128)
        while not over.is_set():
            x @ x

    alone, over = median(), threading.Event()
    beside = threading.Thread(target=busy)
    beside.start()
    try:
        assert median() < 1.5 * alone
    finally:
        over.set()
        beside.join()


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_large_net_is_measured_for_ten_seconds_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of the first candidate are over then; the others are not begun."""
    clock = [0.0]

    class Slow(calibration.Stepper):
        def __init__(self, *args: object, settings: Settings, batch: int) -> None:
            pass

        def seconds(self, steps: int = 1) -> float:
            clock[0] += 4.0
            return 4.0

    monkeypatch.setattr(calibration, "Stepper", Slow)
    monkeypatch.setattr(calibration.time, "process_time", lambda: clock[0])
    chosen = choose_settings(SPEC, (1, 8, 8), 10, settings=Settings())
    assert (chosen.precision, chosen.memory_format) == ("fp32", "nchw")
    assert len(chosen.rates) == 1
    assert clock[0] == 12.0
