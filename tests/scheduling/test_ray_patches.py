"""What a local Ray is made of, and canaries: Ray still needs each entry of ray_patches, and each still works."""

import inspect
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fitscape.study.scheduling import ray_patches
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.ray_patches import lean, turning, untold


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


def test_ray_init_has_no_setting_for_what_lean_replaces() -> None:
    """Once it has one, the entry goes and the setting is used."""
    import ray
    from ray._private.parameter import RayParams

    assert not ray_patches._LEAN.keys() & inspect.signature(ray.init).parameters.keys()
    assert ray_patches._LEAN.keys() <= inspect.signature(RayParams.__init__).parameters.keys()
    by_itself = vars(RayParams())
    assert {name: by_itself[name] for name in ray_patches._LEAN} != ray_patches._LEAN


@pytest.mark.alone
@pytest.mark.slow
def test_ray_by_itself_starts_what_no_study_needs() -> None:
    """Told to go without a dashboard, in a process of its own."""
    program = (
        "import os, ray, sys; sys.path.insert(0, sys.argv[1]); from test_ray_patches import commands_of_children\n"
        "ray.init(address='local', num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level='error')\n"
        "words = ' '.join(commands_of_children())\n"
        "print([name for name in ('log_monitor.py', '/monitor.py', 'dashboard.py') if name not in words])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
    )
    assert ran.stdout == "[]\n", f"Ray starts these no longer, delete what prevents them: {ran.stdout}{ran.stderr}"


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


def test_tune_s_loop_stands_still_without_a_trial_but_for_the_patch() -> None:
    from ray.tune.execution.tune_controller import TuneController

    class NoTrial:
        _search_alg = SimpleNamespace(next_trial=lambda: None)

        def is_finished(self) -> bool:
            return False

    def seconds(**given: float) -> float:
        begun = time.monotonic()
        assert not TuneController._update_trial_queue(NoTrial(), blocking=True, **given)  # type: ignore[arg-type]
        return time.monotonic() - begun

    before = TuneController._update_trial_queue
    with turning():
        assert seconds() < 0.5
    assert TuneController._update_trial_queue is before
    assert seconds(timeout=0.5) >= 0.5


@pytest.mark.parametrize("cluster_file", [True, False])
def test_an_hour_without_a_first_trial_is_no_error_of_tune(monkeypatch: pytest.MonkeyPatch, cluster_file: bool) -> None:
    """As a sampler that thinks, or a full disk, may make it."""
    from ray.tune.execution import insufficient_resources_manager as module

    from fitscape.study.scheduling.tune_loop import _TUNE

    def an_hour() -> None:
        module._get_insufficient_resources_warning_threshold.cache_clear()
        manager, clock = module._InsufficientResourcesManager(), iter((0.0, 3600.0, 7200.0, 10800.0))
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        for _ in range(3):
            manager.on_no_available_trials([])

    monkeypatch.setattr(module, "_is_ray_cluster", lambda: cluster_file)
    for name in _TUNE:  # an earlier test's study has set them
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(IndexError):
        an_hour()
    for name, value in _TUNE.items():
        monkeypatch.setenv(name, value)
    an_hour()
    module._get_insufficient_resources_warning_threshold.cache_clear()


def test_waiting_workers_have_loaded_torch_and_tune_and_no_more(cluster: Cluster) -> None:
    import ray

    @ray.remote(runtime_env={"env_vars": {"FITSCAPE_TEST_WORKER": "one that no trial ran in"}})
    def loaded() -> set[str]:
        return {"torch", "torch._dynamo", "ray.tune"} & set(sys.modules)

    assert ray.get(loaded.remote()) == {"torch", "ray.tune"}  # without the compiler, which no trial needs
