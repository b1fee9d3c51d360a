"""What fits where, and what is refused."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fitscape.study.config import ResourceConfig
from fitscape.study.errors import UserError
from fitscape.study.scheduling import authentication
from fitscape.study.scheduling.cluster import Cluster, require_resources, shipped_code
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Node, Request


def test_more_than_there_is_is_refused_with_the_counts() -> None:
    with pytest.raises(UserError, match=r"asks for 2 GPU, this machine has 1 .at most 1"):
        require_resources(ResourceConfig(gpus_per_trial=2), cpus=4, gpus=1, where="this machine")
    with pytest.raises(UserError, match=r"has 0 .0 trains on the CPU"):
        require_resources(ResourceConfig(gpus_per_trial=0.5), cpus=4, gpus=0, where="this machine")
    require_resources(ResourceConfig(gpus_per_trial="auto"), cpus=4, gpus=0, where="this machine")


def test_code_travels_to_a_cluster_unless_a_job_brought_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    modules = [Path(path) for path in shipped_code()["py_modules"]]
    assert [path.name for path in modules] == ["fitscape"]
    assert all((path / "__init__.py").is_file() for path in modules)
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    assert shipped_code() == {}


def test_the_local_cluster_has_what_it_was_told(cluster: Cluster) -> None:
    (node,) = cluster.nodes()
    assert (node.cpus, node.gpus) == (2, 4)
    assert cluster.slots(Request(1, 0)) == 2


@pytest.mark.parametrize(("joins", "asked"), [(1.0, [1.0]), (0.0, [1.0, 0.0])])
def test_a_cluster_scaled_to_zero_is_asked_for_a_card_first(
    monkeypatch: pytest.MonkeyPatch, joins: float, asked: list[float]
) -> None:
    """And for a machine without one where none comes."""
    seen: list[float] = []
    monkeypatch.setattr(Cluster, "nodes", lambda _: [Node("head", "head", 0, 0)])
    monkeypatch.setattr(Cluster, "_wait_for", lambda _, request, __: seen.append(request.gpus) or request.gpus == joins)
    Cluster("10.0.0.1:6379").wait_for_workers(ResourceConfig(), Interruption(), lambda _: None)
    assert seen == asked


def test_the_token_file_is_private(tmp_path: Path) -> None:
    token = tmp_path / "home" / "auth_token"
    authentication._private_token(token)
    assert token.stat().st_mode & 0o777 == 0o600
    first = token.read_text()
    assert len(first) == 64
    token.chmod(0o644)
    authentication._private_token(token)
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.read_text() == first, "a token that is there stays"


@pytest.mark.parametrize(
    ("address", "text"),
    [("127.0.0.1:1", "no Ray cluster answers"), ("ray://127.0.0.1:1", "client protocol cannot carry a study")],
)
def test_an_address_that_cannot_serve_is_refused_at_once(address: str, text: str) -> None:
    with pytest.raises(UserError, match=text), Cluster(address):
        pass


LISTENING = """
import os
import subprocess
import sys
from pathlib import Path
from fitscape.study.scheduling.cluster import Cluster

def sockets(pid):
    for descriptor in Path("/proc", pid, "fd").iterdir():
        try:
            yield str(descriptor.readlink())
        except OSError:
            pass

with Cluster(cpus=1):
    mine = {s for p in Path("/proc").iterdir() if p.name.isdecimal() and SESSION in (p / "stat").read_text().split()
            for s in sockets(p.name)}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in mine:
                print(fields[1])
"""


@pytest.mark.alone
def test_a_local_ray_listens_on_loopback_only() -> None:
    script = LISTENING.replace("SESSION", "str(__import__('os').getsid(0))")
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
        check=True,
    )
    addresses = {line.rpartition(":")[0] for line in run.stdout.split()}
    assert "0100007F" in addresses, "Ray's own ports were not found"
    assert addresses <= {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


def test_a_ray_that_this_process_has_joined_is_used_and_never_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other call of Ray would be an AttributeError."""
    there = ModuleType("ray")
    there.is_initialized = lambda: True  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", there)
    with Cluster() as cluster:
        assert not cluster.local  # what it may use is that Ray's, not this machine's
    cluster.close()
