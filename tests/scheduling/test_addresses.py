"""An address that leads nowhere is refused at once, and nobody's private Ray is joined."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray._private import services

from fitscape.study.errors import UserError
from fitscape.study.scheduling import addresses, cpu_quota, ray_folder
from fitscape.study.scheduling.addresses import answering


@pytest.fixture
def ray_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Ray writes down the cluster that was started last; no Ray runs on this machine."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setattr(services, "find_gcs_addresses", lambda: set())
    (tmp_path / "ray").mkdir()
    return tmp_path / "ray" / "ray_current_cluster"


@pytest.fixture
def listener() -> Iterator[str]:
    """An address of this machine, not loopback, that takes connections."""
    with socket.socket() as server:
        server.bind((socket.gethostbyname(socket.gethostname()), 0))
        server.listen()
        host, port = server.getsockname()
        if host.startswith("127."):
            pytest.skip("this machine has no address but loopback")
        yield f"{host}:{port}"


def test_the_file_of_a_cluster_that_is_gone_costs_seconds(ray_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "CONNECT_WITHIN", 0.5)
    ray_file.write_text("192.0.2.2:50657")
    with pytest.raises(UserError, match=r"no Ray cluster runs on this machine; 192\.0\.2\.2:50657 in .* not answer"):
        answering("auto")


def test_a_cluster_that_answers_is_found(ray_file: Path, listener: str) -> None:
    ray_file.write_text(listener)
    assert answering("auto") == answering(listener) == listener


def test_another_one_is_found_where_the_last_is_gone(
    ray_file: Path, listener: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "CONNECT_WITHIN", 0.5)
    ray_file.write_text("192.0.2.2:50657")
    monkeypatch.setattr(services, "find_gcs_addresses", lambda: {listener})
    assert answering("auto") == listener


def test_the_private_ray_of_another_run_is_never_joined(ray_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as private:
        monkeypatch.setattr(services, "find_gcs_addresses", lambda: {f"127.0.0.1:{private.getsockname()[1]}"})
        with pytest.raises(UserError, match="no Ray cluster runs on this machine"):
            answering("auto")


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        (
            "http://127.0.0.1:8265",
            "fitscape submit takes it; a run joins the cluster at HOST:6379, or unset RAY_ADDRESS",
        ),
        ("ray://head:10001", "client protocol"),
        ("head", "HOST:PORT of the head"),
        ("127.0.0.1:1", "is it running, and is this its port"),
    ],
)
def test_another_kind_of_address_gets_advice_that_fits(address: str, advice: str) -> None:
    with pytest.raises(UserError, match=advice):
        answering(address)


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
def test_a_folder_too_long_for_sockets_is_named(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv(variable, f"/tmp/{'long-' * 12}/x")
    monkeypatch.setattr(ray_folder.tempfile, "gettempdir", lambda: os.environ.get("TMPDIR", "/tmp"))
    with pytest.raises(UserError, match=rf"^{variable}=/tmp/long-.*: is too long for Ray's sockets: 67 bytes"):
        ray_folder.require_usable()


def test_another_user_s_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    monkeypatch.setattr(ray_folder.os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match=r"cannot be written: it is another user's \(set RAY_TMPDIR"):
        ray_folder.require_usable()


QUOTAS = {
    "version 2": ({"cpu.max": "150000 100000"}, "0::/\n", 1.5),
    "version 2, a half": ({"cpu.max": "50000 100000"}, "0::/\n", 0.5),
    "version 2, none": ({"cpu.max": "max 100000"}, "0::/\n", float("inf")),
    "version 2, in a group": ({"cpu.max": "max 100000", "kube/pod/cpu.max": "200000 100000"}, "0::/kube/pod\n", 2.0),
    "version 2, around it": (
        {"kube/cpu.max": "100000 100000", "kube/pod/cpu.max": "max 100000"},
        "0::/kube/pod\n",
        1.0,
    ),
    "version 1": ({"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu,cpuacct:/\n", 2.5),
    "version 1, none": ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu:/\n", float("inf")),
    "version 1, in a group": (
        {"cpu,cpuacct/docker/a/cpu.cfs_quota_us": "40000", "cpu,cpuacct/docker/a/cpu.cfs_period_us": "100000"},
        "4:cpu,cpuacct:/docker/a\n",
        0.4,
    ),
    "nothing": ({}, "", float("inf")),
}


@pytest.mark.parametrize("case", QUOTAS)
def test_quotas_of_both_versions_are_read(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, membership, expected = QUOTAS[case]
    for name, text in files.items():
        (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name).write_text(text)
    (tmp_path / "self").write_text(membership)
    monkeypatch.setattr(cpu_quota, "ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(cpu_quota, "MEMBERSHIP", tmp_path / "self")
    assert cpu_quota.cpu_quota() == expected
