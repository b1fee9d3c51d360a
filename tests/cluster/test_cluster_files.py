"""The files for `ray up` and KubeRay, against Ray's schema and against what they promise."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from fitscape.study.scheduling.card_check import LEAST_DRIVER

CLUSTER = Path(__file__).parents[2] / "cluster"
FILES = ("ray-cluster-local.yaml", "ray-cluster-aws.yaml", "ray-cluster-gcp.yaml")
CLOUDS = FILES[1:]


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((CLUSTER / name).read_text())


@pytest.mark.parametrize("name", FILES)
def test_ray_accepts_the_file(name: str) -> None:
    validate_config(read(name) | {"cluster_synced_files": []})
    validate_config(prepare_config(read(name)))


@pytest.mark.parametrize("name", FILES)
def test_the_cluster_has_a_token_and_its_dashboard_stays_on_loopback(name: str) -> None:
    config = read(name)
    assert config["file_mounts"]["~/.ray/auth_token"] == ".secrets/ray_token"
    assert "RAY_AUTH_MODE=token" in " ".join(config["setup_commands"])
    assert "--dashboard-host=127.0.0.1" in " ".join(config["head_start_ray_commands"])
    assert {".env", ".secrets", ".git", ".venv"} <= set(config["rsync_exclude"])


@pytest.mark.parametrize("name", FILES)
def test_studies_outlive_ray_s_session(name: str) -> None:
    assert "FITSCAPE_ROOT=~/fitscape-runs" in " ".join(read(name)["setup_commands"])


@pytest.mark.parametrize("name", CLOUDS)
def test_a_cloud_has_gpu_workers_on_spot_that_come_and_go(name: str) -> None:
    config = read(name)
    head, worker = (config["available_node_types"][kind] for kind in ("head", "gpu"))
    assert head["resources"] == {"CPU": 0, "GPU": 0}
    assert 0 == worker["min_workers"] < worker["max_workers"] <= config["max_workers"]
    assert "spot" in str(worker["node_config"]).lower()
    assert config["idle_timeout_minutes"] > 0
    assert "FITSCAPE_STORAGE=" in " ".join(config["setup_commands"])


@pytest.mark.parametrize("name", CLOUDS)
def test_cloud_images_have_a_driver_that_the_locked_torch_can_use(name: str) -> None:
    """CUDA 13 needs 580. AWS's base image is named without a version and follows NVIDIA's production branch."""
    locked = (CLUSTER.parent / "requirements.lock").read_text()
    assert "nvidia-cuda-runtime==13." in locked
    assert LEAST_DRIVER["13"] == "580"
    image = str(read(name)["available_node_types"]["gpu"]["node_config"])
    assert "nvidia-580" in image or "base-oss-nvidia-driver-gpu-ubuntu-22.04/latest" in image


def test_the_image_finds_the_driver_and_has_timm() -> None:
    dockerfile = (CLUSTER / "Dockerfile").read_text()
    assert "LD_LIBRARY_PATH=/usr/local/nvidia/lib64" in dockerfile, "where Google's Kubernetes mounts it"
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in dockerfile
    assert "pyproject.toml postgres s3 timm" in dockerfile


def make(*words: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--dry-run", "--print-data-base", *words]
    return subprocess.run(command, cwd=CLUSTER.parent, capture_output=True, text=True)


def test_one_worker_has_all_cards_and_the_machine_s_cores() -> None:
    made = make("up", "GPU=1")
    assert "--scale worker=1" in made.stdout
    assert re.search(r"^WORKER_CPUS \??:?= ?\S+", made.stdout, re.MULTILINE)
    overlay = yaml.safe_load((CLUSTER / "compose.gpu.yml").read_text())["services"]["worker"]
    assert overlay["scale"] == 1
    assert overlay["deploy"]["resources"]["reservations"]["devices"][0]["count"] == "all"
    twice = make("up", "GPU=1", "WORKERS=2")
    assert twice.returncode != 0
    assert "would book every card" in twice.stderr
    assert "--scale worker=3" in make("up", "WORKERS=3").stdout


def test_a_worker_may_have_the_threads_of_sixteen_trials_on_each_of_eight_cards() -> None:
    """A process of Ray has 21 before it trains; torch and CUDA add theirs. Beyond the limit no thread starts."""
    worker = yaml.safe_load((CLUSTER.parent / "docker-compose.yml").read_text())["services"]["worker"]
    assert worker["deploy"]["resources"]["limits"]["pids"] >= 8 * 16 * 100


def test_make_submit_takes_options() -> None:
    made = make("submit", "RECIPE=regimes", "OPTIONS=--scale hours --trials 96")
    assert "fitscape submit regimes --address http://127.0.0.1:8265 --scale hours --trials 96" in made.stdout


def test_the_ray_job_is_whole() -> None:
    claim, job = yaml.safe_load_all((CLUSTER / "kuberay-rayjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["authOptions"] == {"mode": "token"}
    head, (workers,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert 0 == workers["minReplicas"] < workers["maxReplicas"]
    assert "--scale hours" in job["spec"]["entrypoint"], "digits would leave the cards idle"
    volumes = {volume["name"]: volume for volume in head["template"]["spec"]["volumes"]}
    assert volumes["runs"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    for group in (head, workers):
        pod = group["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        container = pod["containers"][0]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["envFrom"] == [{"secretRef": {"name": "fitscape"}}]
        assert not any("PASSWORD" in entry["name"] or "KEY" in entry["name"] for entry in container["env"])
        assert {mount["name"] for mount in container["volumeMounts"]} <= {volume["name"] for volume in pod["volumes"]}
    assert workers["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
