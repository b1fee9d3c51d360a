"""A folder of one's own, looked for on every node."""

from pathlib import Path

import pytest

from fitscape.study.scheduling import folder_preflight
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.folder_preflight import look_at_path


@pytest.fixture
def remote(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(type(cluster), "local", property(lambda self: False))
    return cluster


@pytest.mark.parametrize("kind", ["folder", "csv"])
def test_a_node_that_lacks_the_path_is_named_and_ends_nothing(remote: Cluster, tmp_path: Path, kind: str) -> None:
    (found,) = look_at_path(remote, f"{kind}:{tmp_path}/pets")
    host = remote.nodes()[0].host
    assert found.what == f"{tmp_path}/pets is not on {host}: a study that is driven there cannot read it"
    assert (found.ok, found.fatal) == (False, False)
    assert "--no-upload" in found.fix


def test_a_path_that_every_node_sees_is_said(remote: Cluster, tmp_path: Path) -> None:
    (found,) = look_at_path(remote, f"folder:{tmp_path}")
    assert found.ok
    assert found.what == f"{tmp_path} is on every node"


def test_a_node_that_does_not_answer_has_not_said_that_it_has_the_path(
    remote: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_preflight, "answers", lambda asked: {})
    (found,) = look_at_path(remote, f"folder:{tmp_path}")
    assert found.what == f"whether {tmp_path} is on {remote.nodes()[0].host} is not known: no answer"
    assert (found.ok, found.fatal) == (False, False)


def test_only_data_that_are_a_path_on_other_machines_are_looked_for(cluster: Cluster, tmp_path: Path) -> None:
    assert look_at_path(cluster, f"folder:{tmp_path}/pets") == [], "here the data are looked at anyway"


def test_a_data_set_by_name_is_no_path(remote: Cluster) -> None:
    assert look_at_path(remote, "cifar10") == []
    assert set(folder_preflight.BY_PATH) == {"folder", "csv", "hf"}
