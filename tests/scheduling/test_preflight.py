"""What doctor finds, and how it says what would fix it."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fitscape.study.config import ResourceConfig
from fitscape.study.scheduling import card_preflight, preflight
from fitscape.study.scheduling.cards import Card, CardState
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.packing import Node, SetAside
from fitscape.study.scheduling.preflight import inside_session_folder, look_at, probe

HALF = ResourceConfig(cpus_per_trial=0.5)  # of the two cores, for each of the four logical GPUs


@pytest.fixture(autouse=True)
def nothing_set_aside(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.aside = SetAside()


def test_a_sound_cluster_has_no_faults(cluster: Cluster, tmp_path: Path) -> None:
    findings = look_at(cluster, HALF, str(tmp_path / "storage"))
    assert all(finding.ok for finding in findings), findings
    assert findings[0].what.endswith("; 2 CPU and 4 GPU on 1 node(s)")
    assert not list((tmp_path / "storage").iterdir()), "the probe leaves nothing behind"


def test_a_trial_that_fits_nowhere_is_named_with_what_is_there(cluster: Cluster, tmp_path: Path) -> None:
    bad = [f for f in look_at(cluster, ResourceConfig(cpus_per_trial=3), str(tmp_path)) if f.fatal and not f.ok]
    assert [f.what for f in bad] == ["a trial takes 3 CPU and 1 GPU; no node has that (2 CPU and 4 GPU on 1 node(s))"]
    assert bad[0].fix


def test_storage_that_cannot_be_written_is_named(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bad = [f for f in look_at(cluster, HALF, str(tmp_path / "file")) if not f.ok]
    assert len(bad) == 1
    assert "FITSCAPE_STORAGE" in bad[0].fix


def test_every_node_is_asked_and_differences_are_named(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(cluster), "local", property(lambda self: False))
    findings = look_at(cluster, HALF, str(tmp_path))
    assert "1 of 1 nodes answer" in [finding.what for finding in findings]
    assert all(finding.ok for finding in findings), findings

    monkeypatch.setattr(preflight, "_version", lambda package: "0.0")  # here only: the node keeps its own
    bad = [finding for finding in look_at(cluster, HALF, str(tmp_path)) if not finding.ok]
    assert [finding.fix for finding in bad] == ["install the same torch everywhere", "install the same ray everywhere"]


def test_an_optional_package_is_tried_on_every_node(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any(f.ok and f.what.startswith("timm ") for f in look_at(cluster, HALF, str(tmp_path), ("timm",)))
    monkeypatch.setattr(type(cluster), "local", property(lambda self: False))
    monkeypatch.setitem(sys.modules, "only_here", ModuleType("only_here"))  # the node has no such module
    findings = look_at(cluster, HALF, str(tmp_path), ("timm", "only_here"))
    (bad,) = [finding for finding in findings if not finding.ok]
    host = cluster.nodes()[0].host
    assert bad.what == f"the study needs only_here: {host} cannot import it (No module named 'only_here')"
    assert bad.fix == "there: pip install 'only_here'"

    monkeypatch.setattr(preflight, "_version", lambda package: "0.0")
    found = look_at(cluster, HALF, str(tmp_path), ("timm",))
    assert "install the same timm everywhere" in [finding.fix for finding in found]


def test_an_optional_package_that_is_broken_here_is_named(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    (bad,) = [f for f in look_at(cluster, HALF, str(tmp_path), ("timm",)) if not f.ok]
    assert bad.what.startswith("the study needs timm: this machine cannot import it (")
    assert "\n" not in bad.what


def test_a_probe_tells_versions_and_code() -> None:
    facts = probe(None)
    assert set(facts) == {"python", "torch", "ray", "code"}
    assert len(facts["code"]) == 12


def test_a_jobs_working_directory_is_no_place_for_a_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert inside_session_folder(Path("/tmp/ray/session_1/runtime_resources/working_dir_files/_ray_pkg_1/runs"))
    assert not inside_session_folder(tmp_path / "runs")


class TwoNodes:
    """Two machines, of which the second has one thing amiss."""

    local = False

    def __init__(self, **amiss: Any) -> None:
        self.aside, self.cards, self.sound, self._amiss = SetAside(), [], {}, amiss
        self._nodes = [Node("a", "first", 4, 2, "L4"), Node("b", "second", 4, 2, "L4")]

    def nodes(self) -> list[Node]:
        return [replace(n, gpus=n.gpus - len(self.aside.cards.get(n.id, ()))) for n in self._nodes]

    def usable(self) -> list[Node]:
        return [node for node in self.nodes() if not self.aside.covers(node)]


def card(uuid: str, fault: str = "") -> CardState:
    return CardState(Card(uuid, "NVIDIA L4", 23034, "580.65"), "8.9", fault, "fix it" if fault else "")


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TwoNodes]:
    def make(answers: dict[str, Any] | None = None, states: dict[str, list[CardState]] | None = None) -> TwoNodes:
        good = {**probe(None), "storage": ""}
        told = {"a": good, "b": good, **(answers or {})}
        monkeypatch.setattr(preflight, "_ask", lambda *_: {name: a for name, a in told.items() if a is not None})
        found = {"a": [card("1"), card("2")], "b": [card("3"), card("4")], **(states or {})}
        monkeypatch.setattr(card_preflight, "_ask", lambda cluster, nodes, say: {n.id: found[n.id] for n in nodes})
        return TwoNodes()

    return make


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "second is left out: it does not answer"),
        (
            {**probe(None), "storage": "", "torch": "2.9.0"},
            f"second is left out: torch is {version('torch')} here, but",
        ),
        ({**probe(None), "storage": "no space left"}, "second is left out: s cannot be used: second: no space left"),
    ],
)
def test_one_bad_node_is_left_out_and_the_study_runs(two_nodes: Any, answer: Any, why: str) -> None:
    cluster = two_nodes({"b": answer})
    findings = look_at(cluster, ResourceConfig(), "s")
    (bad,) = [finding for finding in findings if not finding.ok]
    assert bad.what.startswith(why)
    assert bad.fix
    assert not bad.fatal
    assert list(cluster.aside.nodes) == ["b"]
    assert "a trial takes 1 CPU and a share of a card, which is measured; 4 CPU and 2 GPU on" in findings[0].what


def test_nodes_that_are_all_at_fault_refuse_the_study(two_nodes: Any) -> None:
    cluster = two_nodes({"a": None, "b": {**probe(None), "storage": "", "ray": "1.0"}})
    bad = [finding for finding in look_at(cluster, ResourceConfig(), "s") if not finding.ok and finding.fatal]
    assert [finding.fix for finding in bad] == [
        "look at these nodes with `ray status`",
        "install the same ray everywhere",
    ]


def test_cards_are_told_with_driver_and_capability(two_nodes: Any) -> None:
    findings = look_at(two_nodes(), ResourceConfig(), "s")
    told = "4 x NVIDIA L4 (driver 580.65, compute capability 8.9, 23034 MiB) on first, second"
    assert told in [finding.what for finding in findings]


def test_a_broken_card_is_named_with_its_fix_and_left_out(two_nodes: Any) -> None:
    cluster = two_nodes(states={"b": [card("3", "runs no kernel"), card("4")]})
    findings = look_at(cluster, ResourceConfig(), "s")
    (bad,) = [finding for finding in findings if not finding.ok]
    assert bad.what.startswith("second: NVIDIA L4 (driver 580.65, ")
    assert bad.what.endswith("is left out: runs no kernel")
    assert (bad.fix, bad.fatal) == ("fix it", False)
    assert cluster.aside.cards == {"b": {"3": "runs no kernel"}}
    assert "; 8 CPU and 3 GPU on" in findings[0].what


def test_gpus_that_torch_cannot_use_are_an_error_and_never_the_cpu(two_nodes: Any) -> None:
    broken = [card("1", "too old"), card("2", "too old")]
    findings = look_at(two_nodes(states={"a": broken, "b": broken}), ResourceConfig(), "s")
    (fatal,) = [finding for finding in findings if not finding.ok and finding.fatal]
    assert fatal.what == "Ray declares 4 GPU, and torch can use none"
    assert "resources.gpus_per_trial=0" in fatal.fix


@pytest.mark.parametrize(
    ("resources", "what", "fix"),
    [
        (ResourceConfig(gpus_per_trial=0), "4 card(s) stay idle: trials ask for no GPU", "gpus_per_trial=auto"),
        (ResourceConfig(cpus_per_trial=4), "first: 1 of 2 cards stay idle: its 4 CPU hold 1", "cpus_per_trial=2"),
        (ResourceConfig(max_concurrent=3), "1 of 4 cards stay idle: resources.max_concurrent is 3", "4 or more"),
    ],
)
def test_a_card_that_would_stay_idle_is_a_fault_with_its_fix(
    two_nodes: Any, resources: ResourceConfig, what: str, fix: str
) -> None:
    bad = [finding for finding in look_at(two_nodes(), resources, "s") if not finding.ok]
    assert bad[0].what.startswith(what)
    assert fix in bad[0].fix
    assert not any(finding.fatal for finding in bad)


def test_a_node_with_a_disk_of_its_own_under_the_same_name_is_found_from_both_sides(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every node writes and reads back what it wrote; only between them nothing travels."""
    monkeypatch.setattr(type(cluster), "local", property(lambda self: False))
    ask = preflight._ask

    def elsewhere(nodes: Any, storage: str, *more: Any) -> Any:
        return ask(nodes, str(tmp_path / "private"), *more)

    monkeypatch.setattr(preflight, "_ask", elsewhere)
    (bad,) = [f for f in look_at(cluster, HALF, str(tmp_path / "mine")) if not f.ok]
    assert bad.what.count("it is not the same storage") == 2
    assert f"{cluster.nodes()[0].host}: what the driver wrote is not there" in bad.what
    assert "this machine: what" in bad.what
    assert not list((tmp_path / "mine").iterdir())


def test_a_shared_storage_is_left_as_it_was(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(cluster), "local", property(lambda self: False))
    assert all(f.ok for f in look_at(cluster, HALF, str(tmp_path / "shared")))
    assert not list((tmp_path / "shared").iterdir())
