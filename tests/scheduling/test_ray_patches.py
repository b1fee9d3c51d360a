"""What a local Ray is made of."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.ray_patches import lean, untold


def commands_of_children() -> Iterator[str]:
    """Command lines of the processes that this one has started."""
    for folder in Path("/proc").iterdir():
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                yield (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, IndexError):  # no process, or it has just ended
            continue


def test_a_local_ray_has_no_process_that_a_study_does_not_need(cluster: Cluster) -> None:
    started = list(commands_of_children())
    assert any("gcs_server" in words for words in started), "Ray was not found"
    assert not [
        words for words in started if any(f in words for f in ("log_monitor.py", "/monitor.py", "dashboard.py"))
    ]


def test_its_agent_takes_a_free_port_and_so_waits_for_no_other_ray(cluster: Cluster) -> None:
    (raylet,) = [words for words in commands_of_children() if "/raylet/raylet" in words]
    assert "--listen-port=0" in raylet


def test_its_agent_loads_nothing_that_shows_a_dashboard(cluster: Cluster) -> None:
    (raylet,) = [words for words in commands_of_children() if "/raylet/raylet" in words]
    assert "--minimal" in raylet


def test_rays_own_parameters_are_as_they_were_afterwards() -> None:
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    before = RayParams.__init__, Node.start_api_server
    with lean():
        assert RayParams().no_monitor
        assert Node.start_api_server is not before[1]
    assert (RayParams.__init__, Node.start_api_server) == before
    assert not RayParams().no_monitor


def test_tune_does_not_load_mlflow_to_count_callbacks_for_a_telemetry_that_is_off(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.air._internal import usage
    from ray.tune import Callback

    monkeypatch.setitem(sys.modules, "ray.air.integrations.mlflow", None)  # an import of it fails
    before = usage.tag_callbacks
    with untold():
        assert not usage.tag_callbacks([Callback()])
    assert usage.tag_callbacks is before
    with pytest.raises(ImportError):
        usage.tag_callbacks([Callback()])


def test_waiting_workers_have_loaded_torch_and_tune_and_no_more(cluster: Cluster) -> None:
    import ray

    @ray.remote
    def loaded() -> set[str]:
        return {"torch", "torch._dynamo", "ray.tune"} & set(sys.modules)

    assert ray.get(loaded.remote()) == {"torch", "ray.tune"}  # without the compiler, which no trial needs
