"""Paths as people write them mean the same place everywhere."""

from pathlib import Path

import pytest

from fitscape.study.config import StudyConfig, TrackingConfig
from fitscape.study.driver.folder import frozen, shared_storage
from fitscape.study.driver.resume_checks import config_changes
from fitscape.study.errors import UserError
from fitscape.study.tracking.location import locate


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "ann"


def study(dataset: str, uri: str | None = None, root: str | None = None) -> StudyConfig:
    return StudyConfig.model_validate(
        {"name": "s", "data": {"dataset": dataset, "root": root}, "tracking": {"uri": uri}}
    )


def test_what_is_frozen_means_the_same_place_from_every_folder(tmp_path: Path, home: Path) -> None:
    config = frozen(study("folder:pets", "sqlite:///my.db", "data"))
    assert config.data.dataset == f"folder:{tmp_path}/pets"
    assert config.data.root == f"{tmp_path}/data"
    assert config.tracking.uri == f"sqlite:///{tmp_path}/my.db"
    assert frozen(study("folder:~/pets", "sqlite:///~/my.db")).data.dataset == f"folder:{home}/pets"
    assert frozen(study("csv:list.csv")).data.dataset == f"csv:{tmp_path}/list.csv"
    assert frozen(study("digits", "http://host:5000")) == study("digits", "http://host:5000")


def test_an_old_study_s_relative_path_made_absolute_is_no_change() -> None:
    old = study("folder:pets", "sqlite:///my.db")
    assert not list(config_changes(frozen(old), frozen(study("folder:pets", "sqlite:///my.db"))))
    assert list(config_changes(frozen(old), frozen(study("folder:dogs"))))


def test_tilde_is_the_home_folder_in_uris_and_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate(Path("runs"), TrackingConfig(uri="sqlite:///~/a.db")).sqlite == home / "a.db"
    monkeypatch.setenv("FITSCAPE_STORAGE", "~/shared")
    assert shared_storage() == f"{home}/shared"
    monkeypatch.setenv("FITSCAPE_STORAGE", "s3://bucket/~x")
    assert shared_storage() == "s3://bucket/~x"


@pytest.mark.parametrize("experiment", ["../../etc", "a/b", "/abs", "..", "team: nets?", "ünï", "."])
def test_artifacts_stay_below_the_root_whatever_the_experiment_is_called(experiment: str, tmp_path: Path) -> None:
    artifacts = Path(locate(tmp_path, TrackingConfig(experiment=experiment)).artifacts or "")
    assert artifacts.resolve().parent == tmp_path / "mlartifacts"
    assert not set("?#%:") & set(artifacts.name)


def test_an_ordinary_experiment_keeps_its_folder(tmp_path: Path) -> None:
    assert locate(tmp_path, TrackingConfig(experiment="my nets-2")).artifacts == str(
        tmp_path / "mlartifacts" / "my nets-2"
    )


@pytest.mark.parametrize("name", ["what?", "a#b", "100%"])
def test_a_root_that_no_store_can_lie_in_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be in a folder with"):
        locate(tmp_path / name, TrackingConfig())
    assert locate(tmp_path / name, TrackingConfig(uri="http://host:5000")).served


@pytest.mark.parametrize("uri", ["http://[::1:5000", "http://host:port", "http://h:99999999"])
def test_a_text_that_is_no_uri_is_refused_as_the_config_is_read(uri: str) -> None:
    with pytest.raises(ValueError, match="is not a URI"):
        TrackingConfig(uri=uri)
