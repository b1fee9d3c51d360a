"""Training speed of one trial: the engine's step against the plain loop, and how near both come to the ceilings."""

import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.gpu.nets import CLASSES, SHAPE, WAYS, Net, fast, running, way
from benchmarks.gpu.plain import PlainLoop
from benchmarks.record import summary
from fitscape.models.size import measure
from fitscape.study.data import TrialData
from fitscape.study.training import Settings

ROUNDS = 5
WINDOW = 0.6  # seconds of a round
WARM_UP = 12  # steps


def speed(net: Net, data: TrialData, device: str) -> dict[str, Any]:
    """Images/s of every way and of the plain loop, in turn; FLOPs, bytes and operations of a step."""
    sides: dict[str, Any] = {name: _Engine(net, data, way(fast(device), name)) for name in WAYS}
    sides["plain"] = _Plain(net, data, device)
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            rates[name].append(side.rate())
    step = _step(net, data, device)
    found: dict[str, Any] = {name: summary(values) for name, values in rates.items()}
    return {"batch": net.batch, "first_seconds": {n: s.first for n, s in sides.items()}, "rates": found, "step": step}


def compiled(net: Net, data: TrialData, device: str) -> dict[str, Any]:
    """The same by ``torch.compile``: what fusion would bring, and what its compilation costs."""
    started = time.monotonic()
    plain = PlainLoop(net, data, device)
    plain._model = torch.compile(plain._model)  # type: ignore[assignment]
    plain.train(2)
    compilation = time.monotonic() - started
    side = _Plain(net, data, device, plain)
    return {"compilation_seconds": compilation, "rates": summary([side.rate() for _ in range(ROUNDS)])}


def profile(net: Net, data: TrialData, device: str) -> dict[str, Any]:
    """Where an eager step's time on the card goes: milliseconds a step by kernel, the longest first."""
    from torch.profiler import ProfilerActivity

    steps = 10
    trial = running(net, data, way(fast(device), "eager"), steps)
    next(trial)
    with torch.profiler.profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        next(trial)
    kernels = [(e.key, e.self_device_time_total, e.count) for e in seen.key_averages() if e.self_device_time_total > 0]
    kernels.sort(key=lambda row: -row[1])
    return {
        "milliseconds": sum(row[1] for row in kernels) / 1e3 / steps,
        "kernels": {name[:120]: [round(time / 1e3 / steps, 4), count / steps] for name, time, count in kernels[:40]},
    }


class _Engine:
    """The trial loop; a round is an epoch, its rate the record's own."""

    def __init__(self, net: Net, data: TrialData, settings: Settings) -> None:
        started = time.monotonic()
        few: Any = running(net, data, settings, WARM_UP)
        next(few)
        self.first = time.monotonic() - started
        guess = next(few).record.images_per_second
        few.close()
        steps = max(4, round(WINDOW * guess / net.batch))
        self._trial = running(net, data, settings, steps)
        next(self._trial)

    def rate(self) -> float:
        return next(self._trial).record.images_per_second


class _Plain:
    def __init__(self, net: Net, data: TrialData, device: str, loop: PlainLoop | None = None) -> None:
        started = time.monotonic()
        self._loop, self._batch = loop or PlainLoop(net, data, device), net.batch
        self._loop.train(WARM_UP)
        self.first = time.monotonic() - started
        started = time.monotonic()
        self._loop.train(WARM_UP)
        self._steps = max(4, round(WINDOW * WARM_UP / (time.monotonic() - started)))

    def rate(self) -> float:
        started = time.monotonic()
        self._loop.train(self._steps)
        return self._steps * self._batch / (time.monotonic() - started)


class _Traffic(TorchDispatchMode):
    """Operators and the bytes that they would move if each read its inputs and wrote its outputs once."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.operators = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = [x for x in tree_leaves((args, kwargs or {})) if isinstance(x, torch.Tensor)]
        made = [x for x in tree_leaves(out) if isinstance(x, torch.Tensor)]
        storages = {x.untyped_storage().data_ptr() for x in given}
        views = (
            func._schema.is_mutable is False and made and all(x.untyped_storage().data_ptr() in storages for x in made)
        )
        if not views:
            self.operators += 1
            self.bytes += sum(x.numel() * x.element_size() for x in (*given, *made))
        return out


def _step(net: Net, data: TrialData, device: str) -> dict[str, float]:
    """FLOPs (3 x forward: backward is two products for each of forward's), bytes and operators of an eager step."""
    settings = way(replace(fast(device)), "eager")
    traffic = _Traffic()
    seen: list[tuple[int, int]] = []
    with traffic:
        next(running(net, data, settings, 6, lambda: seen.append((traffic.bytes, traffic.operators))))
    flops = net.batch * 3 * measure(net.spec, SHAPE, CLASSES)[1]
    # Of steps 2 to 5 the cheapest: the others are probed, or shuffle.
    moved, operators = min((b[0] - a[0], b[1] - a[1]) for a, b in pairwise(seen))
    return {"flops": flops, "bytes": moved, "operators": operators}
