"""What doctor finds, and how it says what would mend it."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fitscape.study.config import ResourceConfig
from fitscape.study.scheduling import preflight
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.preflight import inside_session_folder, look_at, probe


def test_a_sound_cluster_has_no_faults(cluster: Cluster, tmp_path: Path) -> None:
    findings = look_at(cluster, ResourceConfig(), str(tmp_path / "storage"))
    assert all(finding.ok for finding in findings), findings
    assert "2 fit at once" in findings[0].what
    assert not list((tmp_path / "storage").iterdir()), "the probe leaves nothing behind"


def test_a_trial_that_fits_nowhere_is_named_with_what_is_there(cluster: Cluster, tmp_path: Path) -> None:
    bad = [f for f in look_at(cluster, ResourceConfig(cpus_per_trial=3), str(tmp_path)) if not f.ok]
    assert [f.what for f in bad] == ["a trial takes 3 CPU; no node has that (2 CPU and 4 GPU on 1 node(s))"]
    assert bad[0].mend


def test_storage_that_cannot_be_written_is_named(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bad = [f for f in look_at(cluster, ResourceConfig(), str(tmp_path / "file")) if not f.ok]
    assert len(bad) == 1
    assert "FITSCAPE_STORAGE" in bad[0].mend


def test_every_node_is_asked_and_differences_are_named(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(cluster), "local", property(lambda self: False))
    findings = look_at(cluster, ResourceConfig(), str(tmp_path))
    assert "1 of 1 nodes answer" in [finding.what for finding in findings]
    assert all(finding.ok for finding in findings), findings

    monkeypatch.setattr(preflight, "_version", lambda package: "0.0")  # here only: the node keeps its own
    bad = [finding for finding in look_at(cluster, ResourceConfig(), str(tmp_path)) if not finding.ok]
    assert [finding.mend for finding in bad] == ["install the same torch everywhere", "install the same ray everywhere"]


def test_an_optional_package_is_tried_on_every_node(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any(
        f.ok and f.what.startswith("timm ") for f in look_at(cluster, ResourceConfig(), str(tmp_path), ("timm",))
    )
    monkeypatch.setattr(type(cluster), "local", property(lambda self: False))
    monkeypatch.setitem(sys.modules, "only_here", ModuleType("only_here"))  # the node has no such module
    findings = look_at(cluster, ResourceConfig(), str(tmp_path), ("timm", "only_here"))
    (bad,) = [finding for finding in findings if not finding.ok]
    host = cluster.nodes()[0].host
    assert bad.what == f"the study needs only_here: {host} cannot import it (No module named 'only_here')"
    assert bad.mend == "there: pip install 'fitscape[only_here]'"

    monkeypatch.setattr(preflight, "_version", lambda package: "0.0")
    found = look_at(cluster, ResourceConfig(), str(tmp_path), ("timm",))
    assert "install the same timm everywhere" in [finding.mend for finding in found]


def test_an_optional_package_that_is_broken_here_is_named(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    (bad,) = [f for f in look_at(cluster, ResourceConfig(), str(tmp_path), ("timm",)) if not f.ok]
    assert bad.what.startswith("the study needs timm: this machine cannot import it (")
    assert "\n" not in bad.what


def test_a_probe_tells_versions_and_code() -> None:
    facts = probe(None)
    assert set(facts) == {"python", "torch", "ray", "code"}
    assert len(facts["code"]) == 12


def test_a_jobs_working_directory_is_no_place_for_a_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert inside_session_folder(Path("/tmp/ray/session_1/runtime_resources/working_dir_files/_ray_pkg_1/runs"))
    assert not inside_session_folder(tmp_path / "runs")


def test_a_node_with_a_disk_of_its_own_under_the_same_name_is_found_from_both_sides(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every node writes and reads back what it wrote; only between them nothing travels."""
    monkeypatch.setattr(type(cluster), "local", property(lambda self: False))
    ask = preflight._ask

    def elsewhere(nodes: Any, storage: str, extras: Any, sign: str) -> Any:
        return ask(nodes, str(tmp_path / "private"), extras, sign)

    monkeypatch.setattr(preflight, "_ask", elsewhere)
    (bad,) = [f for f in look_at(cluster, ResourceConfig(), str(tmp_path / "mine")) if not f.ok]
    assert bad.what.count("it is not the same storage") == 2
    assert f"{cluster.nodes()[0].host}: what the driver wrote is not there" in bad.what
    assert "this machine: what" in bad.what
    assert not list((tmp_path / "mine").iterdir())


def test_a_shared_storage_is_left_as_it_was(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(cluster), "local", property(lambda self: False))
    assert all(f.ok for f in look_at(cluster, ResourceConfig(), str(tmp_path / "shared")))
    assert not list((tmp_path / "shared").iterdir())
