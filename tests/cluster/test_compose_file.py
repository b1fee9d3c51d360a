"""The rules of docker-compose.yml: who may reach what, as whom, with which secrets."""

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (REPOSITORY / "cluster/Dockerfile").read_text()
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY")
REQUIRED = re.compile(r"\$\{([A-Z0-9_]+):\?")
every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


@every_service
def test_a_service_can_do_no_more_than_it_must(service: dict[str, Any]) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & service.keys()
    assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()


@every_service
def test_a_service_runs_as_nobody_special(service: dict[str, Any]) -> None:
    if "build" not in service:
        assert service["user"] == "postgres"
        return
    stage = DOCKERFILE.split(f" AS {service['build']['target']}\n")[1].split("\nFROM ")[0]
    assert re.findall(r"^USER (\w+)$", stage, re.MULTILINE)[-1] == "fitscape"


@every_service
def test_ports_are_published_on_loopback_only(service: dict[str, Any]) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "expose" not in service


@every_service
def test_a_secret_comes_from_outside_and_has_no_default(service: dict[str, Any]) -> None:
    for name, value in service["environment"].items():
        if SECRET.search(name):
            assert REQUIRED.match(str(value)), name
    assert not SECRET.search(" ".join(re.findall(r"\$\{([A-Z0-9_]+):-", str(service))))
    assert not re.findall(r"\$\{[A-Z0-9_]+\}", str(service))


@every_service
def test_a_service_waits_for_the_health_of_what_it_needs(service: dict[str, Any]) -> None:
    assert "healthcheck" in service or service["restart"] == "no"
    for name, need in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if SERVICES[name]["restart"] == "no" else "service_healthy"
        assert need["condition"] == wanted


@every_service
def test_an_image_has_a_version(service: dict[str, Any]) -> None:
    assert ":" in service["image"]
    assert "latest" not in service["image"]


def test_ray_asks_for_a_token_and_the_head_runs_no_trial() -> None:
    for name in ("head", "worker"):
        assert SERVICES[name]["environment"]["RAY_AUTH_MODE"] == "token"
        assert SERVICES[name]["environment"]["RAY_USAGE_STATS_ENABLED"] == "0"
    assert {"--num-cpus=0", "--num-gpus=0"} <= set(SERVICES["head"]["command"])


def test_mlflow_asks_for_a_password_and_knows_its_names() -> None:
    words = SERVICES["mlflow"]["command"]
    assert "--app-name=basic-auth" in words
    assert any(word.startswith("--allowed-hosts=mlflow:5000,") for word in words)
    assert SERVICES["mlflow"]["environment"]["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert not any("postgresql" in word and "@" in word and ":" in word.split("//")[1].split("@")[0] for word in words)


def test_only_mlflow_reaches_the_database() -> None:
    assert {name for name, service in SERVICES.items() if "database" in service["networks"]} == {"database", "mlflow"}
    assert COMPOSE["networks"]["database"] == {"internal": True}


def test_make_secrets_writes_what_the_stack_requires_and_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    script = shutil.copy(REPOSITORY / "cluster/make_secrets.sh", tmp_path / "cluster")
    subprocess.run(["sh", script], check=True, capture_output=True)
    written = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert written.keys() == set(REQUIRED.findall((REPOSITORY / "docker-compose.yml").read_text()))
    assert len(set(written.values())) == len(written)
    assert min(map(len, written.values())) == 48
    for file in (tmp_path / ".env", tmp_path / ".secrets/ray_token"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (tmp_path / ".secrets/ray_token").read_text() == written["RAY_AUTH_TOKEN"]
    (tmp_path / ".env").write_text("RAY_AUTH_TOKEN=mine\n")
    subprocess.run(["sh", script], check=True, capture_output=True)
    assert (tmp_path / ".secrets/ray_token").read_text() == "mine"


def test_nothing_secret_travels() -> None:
    """Neither into an image, which takes only what is listed, nor into a job, nor into a commit."""
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    assert not any("env" in line or "secret" in line for line in lines)
    for file in (".rayignore", ".gitignore"):
        assert {".env", ".secrets/"} <= set((REPOSITORY / file).read_text().split("\n"))


@pytest.mark.compose
def test_compose_itself_accepts_the_files() -> None:
    environment = {name: "x" for name in REQUIRED.findall((REPOSITORY / "docker-compose.yml").read_text())}
    files = ["-f", "docker-compose.yml", "-f", "cluster/compose.gpu.yml"]
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    command = ["docker", "compose", *files, "config", "--quiet"]
    subprocess.run(command, cwd=REPOSITORY, env=path | environment, check=True)
