"""Data and measured settings: what is got ready beside the start of Ray."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.driver.preflight import require
from fitscape.study.ledger import LOOK_ALIKES, PORTRAITS, SETTINGS, Ledger
from fitscape.study.scheduling.cards import LOGICAL
from fitscape.study.scheduling.cluster import Cluster, count_gpus
from fitscape.study.scheduling.packing import Request

if TYPE_CHECKING:
    from fitscape.study.data import SealedData
    from fitscape.study.scheduling.card_memory import DataShape
    from fitscape.study.training import Settings


MEASURED = ("precision", "memory_format")  # of the resources, where they are auto


@dataclass(frozen=True)
class Known:
    """What an earlier run left that this one's preparation needs."""

    pending: tuple[TrialConfig, ...] = ()
    settings: dict[str, Any] | None = None

    @classmethod
    def of(cls, ledger: Ledger) -> "Known":
        return cls(tuple(trial.config for trial in ledger.pending()), ledger.get_meta(SETTINGS))


@dataclass(frozen=True)
class PreparedStudy:
    """``settings`` and ``keep`` are None where they must be measured on the cluster."""

    data: "SealedData"
    shape: "DataShape"
    trial: TrialConfig  # the study's costliest, as far as is known
    hungry: tuple[TrialConfig, ...]  # those that may need most memory, where that is to be measured
    settings: "Settings | None"
    keep: dict[str, Any] | None


def prepare(
    config: StudyConfig, known: Known, *, local: bool, say: Callable[[str], None] = lambda text: None
) -> PreparedStudy:
    """Load the data; on a local CPU measure precision and layout too. Torch is imported here.

    ``say`` gets a sentence now and then while images are decoded.

    Raises:
        UserError: the data cannot be had, or no network can be trained on such batches of them.
    """
    from fitscape.study.data import load
    from fitscape.study.scheduling.capacity import costliest, hungriest, study_settings
    from fitscape.study.scheduling.card_memory import DataShape
    from fitscape.study.scheduling.estimate import to_time
    from fitscape.study.scheduling.image_sizes import require_sizes
    from fitscape.study.scheduling.single_images import require_more_than_one_image
    from fitscape.study.search.space import resolve

    data, space = load(config.data, say=say), resolve(config)
    require_sizes(config, space, data.trial_data)
    if config.base.trial is None:
        require_more_than_one_image(config, space, data.trial_data)
    shape = DataShape.of(data.trial_data)
    trial = costliest(config, space, known.pending, shape.image, shape.classes)
    if not local or (config.resources.gpus_per_trial != 0 and count_gpus()):
        hungry = tuple(hungriest(config, space, known.pending, shape.image, shape.classes))
        return PreparedStudy(data, shape, trial, hungry, None, None)
    nets = to_time(config, space)
    measured = study_settings(config, trial, shape.image, shape.classes, known.settings or {}, "cpu", nets)
    return PreparedStudy(data, shape, trial, (), *measured)


def write_down(data: "SealedData", ledger: Ledger) -> None:
    """Who the images are, and small pictures of each class and of near copies: the report is made from the ledger."""
    from fitscape.study.data.pictures import look_alikes, portraits

    ledger.put_images(data.images())
    ledger.set_meta(PORTRAITS, portraits(data.trial_data))
    ledger.set_meta(LOOK_ALIKES, look_alikes(data.trial_data, data.summary().get("look_alikes", [])))


def settled(config: StudyConfig, kept: Mapping[str, Any] | None) -> StudyConfig:
    """The config with what an earlier run measured, which the ledger keeps, in the place of ``auto``."""
    kept = kept or {}
    auto = [name for name in MEASURED if getattr(config.resources, name) == "auto" and name in kept]
    return _with_resources(config, {name: kept[name] for name in auto})


def _with_resources(config: StudyConfig, values: dict[str, Any]) -> StudyConfig:
    return config.model_copy(update={"resources": config.resources.model_copy(update=values)}) if values else config


def finish(
    prepared: PreparedStudy, config: StudyConfig, ledger: Ledger, cluster: Cluster, say: Callable[[str], None]
) -> "tuple[Settings, Request]":
    """What only the cluster knows: settings measured on it, and the share of a card.

    What was measured is in the ledger and in its config from then on, so that a repeat repeats it.

    What is measured there gets shapes and counts; the data itself stays here.
    """
    from fitscape.study.scheduling.card_preflight import leave_out_without_bf16

    settings, keep = measured(prepared, config, ledger.get_meta(SETTINGS, {}), cluster)
    if settings.precision == "bf16" and _card_of_one_task(config, cluster):
        require(leave_out_without_bf16(cluster), say)
    ledger.set_meta(SETTINGS, keep)
    if keep:
        ledger.settle(_with_resources(ledger.config, {name: keep[name] for name in MEASURED}))
    left = max(1, config.search.trials - sum(n for state, n in ledger.counts().items() if state.terminal))
    request, text = shared_card(prepared, config, settings, cluster, left)
    if text:
        say(text)
    return settings, request


def measured(
    prepared: PreparedStudy, config: StudyConfig, kept: Mapping[str, Any], cluster: Cluster
) -> "tuple[Settings, dict[str, Any] | None]":
    """Precision and layout, and what to keep of them: as they were prepared, or measured where trials run.

    Args:
        kept: what an earlier run kept of them; empty in the first.
    """
    from fitscape.study.scheduling.capacity import on_worker, study_settings
    from fitscape.study.scheduling.estimate import to_time
    from fitscape.study.scheduling.hold import held
    from fitscape.study.search.space import resolve

    gpus, shape = _card_of_one_task(config, cluster), prepared.shape
    if prepared.settings is not None and not gpus:
        return prepared.settings, prepared.keep
    device = "cuda" if gpus and not os.environ.get(LOGICAL) else "cpu"
    nets = to_time(config, resolve(config))
    arguments = (config, prepared.trial, shape.image, shape.classes, kept, device, nets)
    with held(cluster.aside):
        request = Request(config.resources.cpus_per_trial, gpus)
        settings, keep = on_worker(study_settings, request, *arguments, selector=cluster.aside.selector())
    if settings.precision == "fp32":
        keep["tf32"] = any(state.tf32 for states in cluster.sound.values() for state in states)
    return settings, keep


def shared_card(
    prepared: PreparedStudy, config: StudyConfig, settings: "Settings", cluster: Cluster, left: int
) -> tuple[Request, str]:
    """What one trial takes, and a sentence about it; ``left`` trials are to come."""
    from fitscape.study.scheduling.card_memory import trial_request
    from fitscape.study.scheduling.hold import held

    with held(cluster.aside):
        return trial_request(config, prepared.hungry, prepared.shape, settings, cluster, trials=left)


def _card_of_one_task(config: StudyConfig, cluster: Cluster) -> float:
    """The part of a card with which something is measured; 0: trials train on the CPU."""
    if not any(node.gpus for node in cluster.usable()):
        return 0.0
    asked = config.resources.gpus_per_trial
    return 1.0 if asked == "auto" else min(1.0, asked)
