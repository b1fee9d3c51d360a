"""The Ray that a study runs on: one started on this machine, or one that is there."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fitscape.study.config import ResourceConfig
from fitscape.study.errors import UserError
from fitscape.study.scheduling import ray_folder
from fitscape.study.scheduling.addresses import answering
from fitscape.study.scheduling.authentication import require_token
from fitscape.study.scheduling.cpu_quota import cpu_quota
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.ray_patches import lean

WORKERS_WITHIN = 300.0  # seconds for the first worker to join a cluster
# What keeps a Ray of one machine on loopback: its ``_node_ip_address="127.0.0.1"`` becomes the machine's own address.
_CLUSTER_SWITCH = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
# What a worker of this machine loads as it waits for its first trial: 2 s that no slot has to wait then. Not our own
# packages, which might be those of another folder before the driver has told the worker where it looks.
_PRELOAD = {"RAY_preload_python_modules": "torch,ray.tune"}
PACKAGE = Path(__file__).parents[2]  # ours; the checkout links its folders study/, models/ and search_spaces/ into it


@dataclass(frozen=True)
class Request:
    """What one trial takes."""

    cpus: float
    gpus: float

    def __str__(self) -> str:
        return f"{self.cpus:g} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")


def least_request(resources: ResourceConfig) -> Request:
    """What a trial takes at least, before anything is measured: ``auto`` may turn out to be no card at all."""
    return Request(resources.cpus_per_trial, 0 if resources.gpus_per_trial == "auto" else resources.gpus_per_trial)


@dataclass(frozen=True)
class Node:
    """A machine of the cluster that is alive."""

    id: str
    host: str
    cpus: float
    gpus: float

    def slots(self, request: Request) -> int:
        """How many trials fit at once."""
        by_cpu = self.cpus / request.cpus
        return int(min(by_cpu, self.gpus / request.gpus) + 1e-6 if request.gpus else by_cpu + 1e-6)


class Cluster:
    """Entering starts or joins Ray, leaving lets go of it.

    Args:
        address: of a running cluster; None starts one on this machine, loopback only, without dashboard.
        cpus: of the local one; None: as many as this process may use.
        gpus: of the local one; None: those that are there. More than there are become logical ones, which
            only place trials.
        warm: whether the local one has workers ready as soon as it is there, for trials to come.
    """

    def __init__(
        self, address: str | None = None, *, cpus: int | None = None, gpus: int | None = None, warm: bool = True
    ) -> None:
        self.address = address
        self._cpus, self._gpus, self._warm = cpus, gpus, warm

    @property
    def local(self) -> bool:
        return self.address is None

    def __enter__(self) -> Self:
        """Raises UserError: no cluster answers at the address, or it refuses the token."""
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
                    num_gpus=count_gpus() if self._gpus is None else self._gpus,
                    include_dashboard=False,
                    _system_config={"prestart_worker_first_driver": self._warm},
                    **common,
                )
            return self
        address = answering(self.address)
        os.environ.pop("RAY_ADDRESS", None)  # Ray would take it before the address that it is given
        try:
            ray.init(address=address, runtime_env=shipped_code(), **common)
        except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
            first = str(error).strip().split("\n")[0]
            mend = "is it running, and is RAY_AUTH_TOKEN_PATH its token?"
            raise UserError(f"no Ray cluster answers: {first}", where=self.address, mend=mend) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go; a second call does nothing."""
        import ray

        ray.shutdown()

    def nodes(self) -> list[Node]:
        """Every living node, the head among them."""
        import ray

        return [
            Node(n["NodeID"], n["NodeManagerHostname"], n["Resources"].get("CPU", 0), n["Resources"].get("GPU", 0))
            for n in ray.nodes()
            if n["Alive"]
        ]

    def slots(self, request: Request) -> int:
        """How many trials fit on the whole cluster at once."""
        return sum(node.slots(request) for node in self.nodes())

    def wait_for_workers(self, request: Request, interruption: Interruption) -> None:
        """Where there is nothing but a head, ask an autoscaler for a node, and wait for one to join."""
        if self.local or any(node.cpus for node in self.nodes()):
            return
        import ray

        demand = ray.remote(num_cpus=request.cpus, num_gpus=request.gpus, max_retries=0)(lambda: None).remote()
        deadline = time.monotonic() + WORKERS_WITHIN
        while not interruption.requested and time.monotonic() < deadline:
            if ray.wait([demand], timeout=0.5)[0]:
                return
        ray.cancel(demand)


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
    for name, asked, there in (("gpus", asked_gpus, gpus), ("cpus", resources.cpus_per_trial, cpus)):
        if asked > there:
            raise UserError(
                f"a trial asks for {asked:g} {name[:-1].upper()}, {where} has {there:g}",
                where=f"resources.{name}_per_trial",
                mend=f"at most {there:g}" if there else "0 trains on the CPU",
            )


def available_cpus() -> int:
    """CPUs that this process may use: affinity, and a container's quota; a fraction of one counts as one."""
    return max(1, int(min(len(os.sched_getaffinity(0)), cpu_quota())))


def count_gpus() -> int:
    """NVIDIA cards that this process may use, without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    cards = len(glob("/dev/nvidia[0-9]*"))
    if visible is None:
        return cards
    return min(cards, len([name for name in visible.split(",") if name.strip() not in ("", "-1")]))


def shipped_code() -> dict[str, Any]:
    """The runtime environment that gives every node this very code.

    A submitted job's nodes have its working directory already; anywhere else the package travels.
    """
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        return {}
    return {"py_modules": [str(PACKAGE)], "excludes": ["__pycache__", "*.pyc"]}
