"""Machines that are not Linux with NVIDIA cards, and cards that a trial cannot use."""

import os
import sys

import pytest

from fitscape.study.config import ResourceConfig
from fitscape.study.errors import UserError
from fitscape.study.scheduling import cards, heartbeat
from fitscape.study.scheduling.cluster import available_cpus, require_one_card, require_resources


@pytest.fixture
def macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.delattr(os, "memfd_create")


def test_macos_has_cores_and_a_heartbeat(macos: None) -> None:
    assert available_cpus() >= 1
    pulse = heartbeat.Pulse()
    pulse.beat()
    assert heartbeat.end_if_hung(heartbeat.Address(2**30, 0), 0.0) is False


def test_macos_and_rocm_are_refused_in_one_line(macos: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ResourceConfig(gpus_per_trial=0.5)
    with pytest.raises(UserError, match=r"Apple's GPUs \(mps\) are not supported \(only NVIDIA cards are; 0 trains"):
        require_resources(asked, cpus=4, gpus=0, where="this machine")
    require_resources(ResourceConfig(), cpus=4, gpus=0, where="this machine")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(cards, "version", lambda name: "2.14.1+rocm6.4")
    with pytest.raises(UserError, match=r"AMD's GPUs \(ROCm\) are not supported"):
        require_resources(asked, cpus=4, gpus=0, where="this machine")


@pytest.mark.parametrize("asked", [1.5, 2, 8])
def test_more_than_one_gpu_for_a_trial_is_refused_with_the_reason(asked: float) -> None:
    """Where there are enough cards, too, and for a cluster that nobody has looked at yet."""
    resources = ResourceConfig(gpus_per_trial=asked)
    why = rf"resources.gpus_per_trial: a trial trains on one card and cannot use {asked:g} \(at most 1; a fraction"
    with pytest.raises(UserError, match=why):
        require_resources(resources, cpus=64, gpus=8, where="this machine")
    with pytest.raises(UserError, match=why):
        require_one_card(resources)
