"""Data and measured settings: what is got ready beside the start of Ray."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.ledger import SETTINGS, Ledger
from fitscape.study.scheduling.cluster import Cluster, Request, count_gpus

if TYPE_CHECKING:
    from fitscape.study.data import SealedData
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
class Prepared:
    """``settings`` and ``keep`` are None where they must be measured on the cluster."""

    data: "SealedData"
    trial: TrialConfig  # the study's costliest, as far as is known
    settings: "Settings | None"
    keep: dict[str, Any] | None


def prepare(config: StudyConfig, known: Known, *, local: bool) -> Prepared:
    """Load the data; on a local CPU measure precision and layout too. Torch is imported here.

    Raises:
        UserError: the data cannot be had.
    """
    from fitscape.study.data import load
    from fitscape.study.scheduling.calibrate import costliest_trial, study_settings
    from fitscape.study.search.space import resolve

    data = load(config.data)
    trial = costliest_trial(config, resolve(config), known.pending, data.trial_data)
    if not local or (config.resources.gpus_per_trial != 0 and count_gpus()):
        return Prepared(data, trial, None, None)
    request = Request(config.resources.cpus_per_trial, 0)
    return Prepared(data, trial, *study_settings(config, trial, data.trial_data, known.settings or {}, request))


def settled(config: StudyConfig, kept: Mapping[str, Any] | None) -> StudyConfig:
    """The config with what an earlier run measured, which the ledger keeps, in the place of ``auto``."""
    kept = kept or {}
    auto = [name for name in MEASURED if getattr(config.resources, name) == "auto" and name in kept]
    return _with_resources(config, {name: kept[name] for name in auto})


def _with_resources(config: StudyConfig, values: dict[str, Any]) -> StudyConfig:
    return config.model_copy(update={"resources": config.resources.model_copy(update=values)}) if values else config


def finish(prepared: Prepared, config: StudyConfig, ledger: Ledger, cluster: Cluster) -> "tuple[Settings, Request]":
    """What only the cluster can tell: the share of a card, and settings measured on it.

    What was measured is in the ledger and in its config from then on, so that a repeat repeats it.
    """
    from fitscape.study.scheduling.calibrate import gpu_share, on_worker, study_settings

    data, trial = prepared.data.trial_data, prepared.trial  # sealed data does not travel
    request = Request(config.resources.cpus_per_trial, gpu_share(config, trial, data, cluster))
    settings, keep = prepared.settings, prepared.keep
    if settings is None or request.gpus:
        kept = ledger.get_meta(SETTINGS, {})
        settings, keep = on_worker(lambda: study_settings(config, trial, data, kept, request), request)
    ledger.set_meta(SETTINGS, keep)
    if keep:
        ledger.settle(_with_resources(ledger.config, {name: keep[name] for name in MEASURED}))
    return settings, request
