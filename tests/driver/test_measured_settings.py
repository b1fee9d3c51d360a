"""Precision and layout that were measured belong to the study: in its config, and repeated with it."""

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fitscape.study.config import StudyConfig
from fitscape.study.driver import preparing
from fitscape.study.driver.folder import frozen
from fitscape.study.driver.preparing import finish, settled
from fitscape.study.driver.resume_checks import config_changes
from fitscape.study.isolated import Crashed
from fitscape.study.ledger import SETTINGS, Ledger
from fitscape.study.scheduling import capacity
from fitscape.study.scheduling.capacity import study_settings
from fitscape.study.scheduling.packing import SetAside
from fitscape.study.training import Settings

KEPT = {"device": "cpu", "precision": "bf16", "memory_format": "mixed"}


def study(**resources: Any) -> StudyConfig:
    return StudyConfig.model_validate({"name": "s", "resources": resources})


def chosen(config: StudyConfig, kept: dict[str, Any]) -> Settings:
    return study_settings(config, config.base, (1, 8, 8), 2, kept, "cpu")[0]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was measured, in place of the measurement."""
    asked: list[Any] = []

    def measure(function: Any, *, settings: Settings, precision: Any, formats: Any, **net: Any) -> Settings:
        asked.append((precision, formats))
        return Settings(precision=precision or "bf16", memory_format=(formats or ("channels_last",))[0])

    monkeypatch.setattr(capacity, "call", measure)
    return asked


def test_what_was_measured_is_in_the_ledger_s_config_afterwards(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger.db", frozen(study()), {}) as ledger:
        nothing: Any = SimpleNamespace(usable=list, cards=[], aside=SetAside())
        prepared = preparing.PreparedStudy(nothing, nothing, study().base, (), Settings(), KEPT)
        finish(prepared, study(), ledger, nothing, print)
        assert (ledger.config.resources.precision, ledger.config.resources.memory_format) == ("bf16", "mixed")
        assert ledger.get_meta(SETTINGS) == KEPT
        assert not ledger.notes()


def test_a_repeat_measures_nothing(measured: list[Any]) -> None:
    settings = chosen(study(precision="bf16", memory_format="mixed"), {})
    assert (settings.precision, settings.memory_format) == ("bf16", "mixed")
    assert measured == []


def test_what_is_given_is_not_measured(measured: list[Any]) -> None:
    assert chosen(study(precision="fp32"), {}).precision == "fp32"
    assert chosen(study(memory_format="nchw"), {}).memory_format == "nchw"
    assert measured == [("fp32", None), (None, ("nchw",))]


def test_auto_of_an_old_ledger_is_what_it_recorded(measured: list[Any]) -> None:
    assert settled(study(), KEPT).resources.precision == "bf16"
    assert settled(study(precision="fp32"), KEPT).resources.precision == "fp32"
    assert not list(config_changes(settled(study(), KEPT), study(precision="bf16")))
    assert list(config_changes(settled(study(), KEPT), study(precision="fp32"))) == [
        "resources.precision was bf16, is fp32"
    ]
    settings = chosen(study(), KEPT)
    assert (settings.precision, settings.memory_format, measured) == ("bf16", "mixed", [])


def test_a_layout_that_crashes_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(function: Any, *, settings: Settings, precision: Any, formats: Any, **net: Any) -> Settings:
        if formats != ("nchw",):
            raise Crashed("SIGSEGV", "")
        return Settings(precision="fp32", memory_format="nchw")

    monkeypatch.setattr(capacity, "call", crash)
    settings, keep = study_settings(study(), study().base, (1, 8, 8), 2, {}, "cpu")
    assert asdict(settings)["memory_format"] == "nchw"
    assert keep["problem"] == "the process that ran it crashed (SIGSEGV) while the layouts were measured"
