"""Slots of a cluster that nobody has, under Tune's loop as it is: 1,000 processes would take 300 GB.

Real: the driver with its threads, Tune's controller, Ray's calls and objects, and what Tune puts into a result. Made
up: the placement groups and the workers. Two asynchronous actors of Ray play all of them, in processes whose time is
not the driver's. Each worker sleeps until its next report is due.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray import tune
from ray.air.execution import ResourceManager, ResourceRequest
from ray.tune.execution import tune_controller

from fitscape.study.config import TrialConfig
from fitscape.study.records import EpochRecord, TrialState
from fitscape.study.scheduling.heartbeat import Address
from fitscape.study.scheduling.reports import End, Start, WorkerReport, report_every

HOSTS = 2

Play = Callable[[TrialConfig], tuple[list[EpochRecord], float]]  # a trial's epochs, and the seconds of each


class MadeUpWorker(tune.Trainable):
    """A worker whose epochs are there from the beginning."""

    play: Play
    every: float | None  # seconds of epochs that a report carries; None: what a real worker's does

    def setup(self, config: dict[str, Any]) -> None:
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._left, self._each = type(self).play(TrialConfig.model_validate_json(new_config["trial"]))
        self._every = report_every(new_config["slots"]) if self.every is None else self.every
        self._started = False
        self._together = 0  # epochs of the next report
        return True

    @property
    def seconds(self) -> float:
        """Until its next report."""
        return self._together * self._each

    def step(self) -> dict[str, Any]:
        if not self._started:
            self._started, self._together = True, 1
            start = Start(node="", device="cpu", records=(), node_id="0" * 56, pulse=Address(os.getpid(), 0))
            return {"report": WorkerReport(start=start), "done": False}
        now, self._left = self._left[: self._together], self._left[self._together :]
        self._together = min(len(self._left), max(1, -int(-self._every // self._each)))
        end = None if self._left else End(state=TrialState.FINISHED)
        records = (*now[:-1], replace(now[-1], time=time.time()))
        return {"report": WorkerReport(records=records, end=end), "done": end is not None}


class Host:
    """Plays many workers in one process."""

    def __init__(self, play: Play, every: float | None) -> None:
        MadeUpWorker.play, MadeUpWorker.every = staticmethod(play), every
        self._workers: dict[int, MadeUpWorker] = {}

    async def call(self, number: int, method: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if method == "__ray_ready__":
            self._workers[number] = MadeUpWorker(*given, **named)
            return True
        worker = self._workers[number]
        if method == "train":
            await asyncio.sleep(worker.seconds)
        return getattr(worker, method)(*given, **named)


@dataclass
class _Handle:
    """What Ray gives for an actor."""

    host: Any
    number: int
    created: dict[str, Any]

    def __getattr__(self, method: str) -> Any:
        return _Method(self, method)


@dataclass
class _Method:
    actor: _Handle
    name: str

    def remote(self, *given: Any, **named: Any) -> Any:
        if self.name == "__ray_ready__":
            named = self.actor.created
        return self.actor.host.call.remote(self.actor.number, self.name, given, named)


class _Places(ResourceManager):
    """In the place of placement groups; also what has been acquired, and what makes an actor there."""

    def __init__(self, slots: int, hosts: list[Any]) -> None:
        self._slots, self._hosts = slots, hosts
        self._free, self._made = slots, 0

    def request_resources(self, resource_request: ResourceRequest) -> None:
        pass

    def cancel_resource_request(self, resource_request: ResourceRequest) -> None:
        pass

    def has_resources_ready(self, resource_request: ResourceRequest) -> bool:
        return self._free > 0

    def acquire_resources(self, resource_request: ResourceRequest) -> Any:
        self._free -= 1
        return _Acquired(self, resource_request)

    def free_resources(self, acquired_resource: Any) -> None:
        self._free += 1

    def clear(self) -> None:
        self._free = self._slots

    def remote(self, **named: Any) -> _Handle:
        self._made += 1
        return _Handle(self._hosts[self._made % len(self._hosts)], self._made, named)


@dataclass
class _Acquired:
    places: _Places
    resource_request: ResourceRequest

    def annotate_remote_entities(self, entities: list[Any]) -> list[Any]:
        return [self.places] * len(entities)


@contextmanager
def made_up_slots(slots: int, play: Play, *, every: float | None = None) -> Iterator[None]:
    """Within it Tune's trials run in made-up slots of the Ray that has been started."""
    remote = ray.remote(num_cpus=0, max_concurrency=2 * slots)(Host)
    places = _Places(slots, [remote.remote(play, every) for _ in range(HOSTS)])
    original = tune_controller.PlacementGroupResourceManager
    tune_controller.PlacementGroupResourceManager = lambda: places
    try:
        yield
    finally:
        tune_controller.PlacementGroupResourceManager = original
