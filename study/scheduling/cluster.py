"""The Ray that a study runs on: one started on this machine, or one that is there."""

import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fitscape.study.config import ResourceConfig
from fitscape.study.errors import UserError
from fitscape.study.ledger import StudyLock
from fitscape.study.scheduling import ray_folder
from fitscape.study.scheduling.addresses import answering
from fitscape.study.scheduling.authentication import require_token
from fitscape.study.scheduling.cards import LOGICAL, CardState, cards, other_maker
from fitscape.study.scheduling.cpu_quota import cpu_quota
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Node, Request, SetAside
from fitscape.study.scheduling.ray_patches import lean

WORKERS_WITHIN = 300.0  # seconds for the first worker to join a cluster
# What keeps a Ray of one machine on loopback: its ``_node_ip_address="127.0.0.1"`` becomes the machine's own address.
_CLUSTER_SWITCH = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
# What a worker of this machine loads as it waits for its first trial: 2 s that no slot has to wait then. Not our own
# packages, which might be those of another folder before the worker knows where the driver looks.
_PRELOAD = {"RAY_preload_python_modules": "torch,ray.tune"}
PACKAGE = Path(__file__).parents[2]  # ours; the checkout links its folders study/, models/ and search_spaces/ into it


class Cluster:
    """Entering starts or joins Ray, leaving lets go of it. One that this process has joined already stays as it is.

    Args:
        address: of a running cluster; None starts one on this machine, loopback only, without dashboard.
        cpus: of the local one; None: as many as this process may use.
        gpus: of the local one; None: the cards that are there, or $FITSCAPE_LOGICAL_GPUS of them, which only place
            trials.
        warm: whether the local one has workers ready as soon as it is there, for trials to come.
    """

    def __init__(
        self, address: str | None = None, *, cpus: int | None = None, gpus: int | None = None, warm: bool = True
    ) -> None:
        self.address = address
        self._cpus, self._gpus, self._warm = cpus, gpus, warm
        ray = sys.modules.get("ray")
        here = ray is not None and ray.is_initialized()
        self._joined = address is None and here  # by the program that this is a part of
        self.aside = SetAside()
        self._session: StudyLock | None = None  # the sign in the folder of the local Ray
        self.cards: list[str] = []  # those that trials may use, in words
        self.sound: dict[str, list[CardState]] = {}  # id of the node -> those of its cards that ran a kernel

    @property
    def local(self) -> bool:
        return self.address is None and not self._joined

    def __enter__(self) -> Self:
        """Raises UserError: no cluster answers at the address, or it refuses the token."""
        if self._joined:
            return self
        require_token()
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        if self.local and "ray" not in sys.modules:
            os.environ[_CLUSTER_SWITCH] = "0"
        import ray

        common: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": True}
        if self.address is None:
            ray_folder.require_usable()
            for name, value in _PRELOAD.items():
                os.environ.setdefault(name, value)
            with lean():
                ray.init(
                    address="local",  # without it Ray joins whatever cluster was last started on this machine
                    num_cpus=self._cpus or available_cpus(),
                    num_gpus=self._declared_gpus(),
                    include_dashboard=False,
                    _system_config={"prestart_worker_first_driver": self._warm},
                    **common,
                )
            self._session = ray_folder.marked(Path(ray.nodes()[0]["ObjectStoreSocketName"]).parents[1])
            return self
        address = answering(self.address)
        os.environ.pop("RAY_ADDRESS", None)  # Ray would take it before the address that it is given
        try:
            ray.init(address=address, runtime_env=shipped_code(), **common)
        except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
            first = str(error).strip().split("\n")[0]
            fix = "is it running, and is RAY_AUTH_TOKEN_PATH its token?"
            raise UserError(f"no Ray cluster answers: {first}", where=self.address, fix=fix) from error
        return self

    def _declared_gpus(self) -> int:
        """Cards of this machine; Ray hands them on by UUID, which means the same to CUDA in every order of cards."""
        if self._gpus is not None:
            return self._gpus
        if os.environ.get(LOGICAL, "").isdecimal():
            return int(os.environ[LOGICAL])
        found = cards()
        if found:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(card.uuid for card in found)
        return len(found)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go; a second call does nothing."""
        if self._joined:
            return
        import ray

        # A reference that the collector drops while Ray shuts down, in whatever thread, ends the process: `_exit(1)`.
        collected = gc.isenabled()
        gc.collect()
        gc.disable()
        try:
            ray.shutdown()
        finally:
            if collected:
                gc.enable()
        if self._session is not None:
            self._session.release()

    def nodes(self) -> list[Node]:
        """Every living node, the head among them; of its cards those that trials may use."""
        import ray

        found = []
        for node in (n for n in ray.nodes() if n["Alive"]):
            there, labels = node["Resources"], node.get("Labels", {})
            cards = max(0.0, there.get("GPU", 0) - len(self.aside.cards.get(node["NodeID"], ())))
            found.append(
                Node(
                    node["NodeID"],
                    node["NodeManagerHostname"],
                    there.get("CPU", 0),
                    cards,
                    labels.get("ray.io/accelerator-type", "") if there.get("GPU") else "",
                    there.get("memory", 0),
                )
            )
        return found

    def usable(self) -> list[Node]:
        """The nodes that trials may run on."""
        return [node for node in self.nodes() if not self.aside.covers(node)]

    @property
    def mps(self) -> bool:
        """Whether NVIDIA's multi-process service runs wherever trials may get a card."""
        states = [state for states in self.sound.values() for state in states]
        return bool(states) and all(state.mps for state in states)

    def slots(self, request: Request) -> int:
        """How many trials fit on the whole cluster at once."""
        return sum(node.slots(request) for node in self.usable())

    def wait_for_workers(
        self, resources: ResourceConfig, interruption: Interruption, say: Callable[[str], None]
    ) -> None:
        """Where there is nothing but a head, ask an autoscaler for a node, and wait for one to join.

        ``gpus_per_trial: auto`` asks for a card first, and without an answer for a machine of any kind.
        """
        if self.local or any(node.cpus for node in self.nodes()):
            return
        asked = resources.gpus_per_trial
        for gpus in (1.0, 0.0) if asked == "auto" else (asked,):
            request = Request(resources.cpus_per_trial, gpus)
            if interruption.requested:
                return
            say(f"no node can run a trial yet: asking the cluster for {request}, for {WORKERS_WITHIN:g} s at most")
            if self._wait_for(request, interruption):
                return

    def _wait_for(self, request: Request, interruption: Interruption) -> bool:
        from ray.util.placement_group import placement_group, remove_placement_group

        group = placement_group([request.bundle()])
        deadline = time.monotonic() + WORKERS_WITHIN
        try:
            while not interruption.requested and time.monotonic() < deadline:
                if group.wait(0.5):
                    return True
            return False
        finally:
            remove_placement_group(group)


def errand(function: Callable[..., Any], node_id: str) -> Any:
    """The function as a Ray task of that node, where it takes no CPU, and is not tried again."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(function)


def require_resources(resources: ResourceConfig, *, cpus: float, gpus: float, where: str) -> None:
    """Refuse what can never be placed: Ray would wait for it for ever.

    Raises:
        UserError: a trial asks for more than there is; the text has the counts.
    """
    asked_gpus = 0.0 if resources.gpus_per_trial == "auto" else resources.gpus_per_trial
    if asked_gpus and not gpus and (maker := other_maker()):
        fix = "only NVIDIA cards are; 0 trains on the CPU"
        raise UserError(f"{maker} not supported", where="resources.gpus_per_trial", fix=fix)
    for name, asked, there in (("gpus", asked_gpus, gpus), ("cpus", resources.cpus_per_trial, cpus)):
        if asked > there:
            raise UserError(
                f"a trial asks for {asked:g} {name[:-1].upper()}, {where} has {there:g}",
                where=f"resources.{name}_per_trial",
                fix=f"at most {there:g}" if there else "0 trains on the CPU",
            )
    require_one_card(resources)


def require_one_card(resources: ResourceConfig) -> None:
    """Raises UserError: a trial asks for more than a card."""
    asked = resources.gpus_per_trial
    if asked == "auto" or asked <= 1:
        return
    fix = "at most 1; a fraction such as 0.25 lets trials share a card, auto measures how many can"
    text = f"a trial trains on one card and cannot use {asked:g}"
    raise UserError(text, where="resources.gpus_per_trial", fix=fix)


def available_cpus() -> int:
    """CPUs that this process may use: affinity, where the system knows it, and a container's quota.

    A fraction of one counts as one. macOS has no affinity.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, int(min(count, cpu_quota())))


def count_gpus() -> int:
    """GPUs that a local Ray would have: NVIDIA cards that this process may use, without importing torch."""
    if os.environ.get(LOGICAL, "").isdecimal():
        return int(os.environ[LOGICAL])
    return len(cards())


def shipped_code() -> dict[str, Any]:
    """The runtime environment that gives every node this very code.

    A submitted job's nodes have its working directory already; anywhere else the package travels.
    """
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        return {}
    return {"py_modules": [str(PACKAGE)], "excludes": ["__pycache__", "*.pyc"]}
