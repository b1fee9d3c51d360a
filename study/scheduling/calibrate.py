"""What is measured once before the first trial: precision and layout, and how many trials share a card."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from fitscape.study.config import DataCondition, StudyConfig, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.isolated import Crashed, call
from fitscape.study.scheduling.cluster import Cluster, Request
from fitscape.study.scheduling.cost import costliest
from fitscape.study.search.space import Space
from fitscape.study.training import SAFE_FORMAT, Settings, choose_settings, run_trial
from fitscape.study.training.settings import MemoryFormat, Precision

MOST_PER_CARD = 16  # trials; more only wait for one another
CARD_SHARE = 0.9  # of a card's memory that trials may fill
CONTEXT_MIB = 600.0  # CUDA context of each process, which torch's peak leaves out
MEASURED_STEPS = 4


def study_settings(
    config: StudyConfig, trial: TrialConfig, data: TrialData, kept: Mapping[str, Any], request: Request
) -> tuple[Settings, dict[str, Any]]:
    """Precision and layout of the study: as the config or its first run has them, or measured on this machine, now.

    Precision stays for the life of a study, or its trials could not be compared; a layout that was measured is
    measured anew on another kind of device. Layouts are tried in a process of their own: kernels of some crash.

    Args:
        config: the study.
        trial: its costliest, which is measured.
        data: for the shape of an image and the number of classes.
        kept: what this function returned as second part in an earlier run; empty in the first.
        request: what a trial takes.

    Returns:
        Settings for every worker to put its own device in, and JSON to keep.
    """
    device = "cuda" if request.gpus and _cuda() else "cpu"
    base = Settings(threads=max(1, int(request.cpus)))
    asked = config.resources
    as_kept = asked.precision in ("auto", kept.get("precision")) and (
        asked.memory_format in ("auto", kept.get("memory_format"))
    )
    if kept.get("device") == device and as_kept:
        return replace(base, precision=kept["precision"], memory_format=kept["memory_format"]), dict(kept)
    precision = kept.get("precision") if asked.precision == "auto" else asked.precision
    layout = None if asked.memory_format in ("auto", kept.get("memory_format")) else asked.memory_format
    if layout == "mixed" and device == "cuda":
        layout = "channels_last"  # mixed is a matter of the CPU's kernels
    chosen, problem = _chosen(
        replace(base, device=device),
        precision,
        layout,
        spec=trial.model,
        input_shape=data.input_shape,
        classes=len(data.classes),
        batch_size=trial.optimization.batch_size,
    )
    keep = {
        "device": device,
        "precision": chosen.precision,
        "memory_format": chosen.memory_format,
        "measured_on": trial.flat(),
        "rates": [asdict(rate) for rate in chosen.rates],
        "problem": problem,
    }
    return replace(chosen, device="cpu"), keep


def _chosen(
    base: Settings, precision: Precision | None, layout: MemoryFormat | None, **net: Any
) -> tuple[Settings, str]:
    """What is not given, measured; and in words what went wrong meanwhile. A layout that crashes is not chosen."""
    if precision is not None and layout is not None:
        return replace(base, precision=precision, memory_format=layout), ""
    problem = ""
    for formats in ((layout,) if layout else None, (SAFE_FORMAT,)):
        try:
            return call(choose_settings, settings=base, precision=precision, formats=formats, **net), problem
        except Crashed as error:
            problem = f"{error} while the layouts were measured"
        except (ValueError, RuntimeError) as error:  # out of memory, or a net that cannot be trained: its trial tells
            return replace(base, precision=precision or "fp32"), f"{type(error).__name__}: {error}"
    return replace(base, precision=precision or "fp32", memory_format=SAFE_FORMAT), problem


def gpu_share(config: StudyConfig, trial: TrialConfig, data: TrialData, cluster: Cluster) -> float:
    """GPUs a trial: as asked, or for ``auto`` 1/n, n trials of the costliest kind filling a card's memory.

    0 on a cluster without cards; 1 where a card is only logical.
    """
    resources = config.resources
    if resources.gpus_per_trial != "auto":
        return resources.gpus_per_trial
    cards = [node for node in cluster.nodes() if node.gpus]
    if not cards:
        return 0.0
    few = trial.with_hyperparameters({"epochs": 1, "steps_per_epoch": MEASURED_STEPS, **DataCondition().model_dump()})

    def measure() -> tuple[float, float] | None:
        if not _cuda():
            return None
        import torch

        peak = max(p.record.peak_memory_mib for p in run_trial(few, data, settings=Settings(device="cuda")))
        return peak, torch.cuda.get_device_properties(0).total_memory / 2**20

    measured = on_worker(measure, Request(resources.cpus_per_trial, 1))
    if measured is None:
        return 1.0
    cpus = max(node.cpus / node.gpus for node in cards)
    return 1 / trials_per_card(*measured, most=int(min(MOST_PER_CARD, cpus / resources.cpus_per_trial)))


def trials_per_card(peak_mib: float, card_mib: float, *, most: int) -> int:
    """How many trials fit on a card, at least one."""
    return max(1, min(most, int(CARD_SHARE * card_mib / (peak_mib + CONTEXT_MIB))))


def costliest_trial(config: StudyConfig, space: Space, pending: Iterable[TrialConfig], data: TrialData) -> TrialConfig:
    """The trial that stands for the study in these measurements."""
    return costliest(config, space, pending, data.input_shape, len(data.classes))


def on_worker(task: Any, request: Request) -> Any:
    """Run a function once where trials run, and return what it returns."""
    import ray

    return ray.get(ray.remote(num_cpus=request.cpus, num_gpus=request.gpus, max_retries=2)(task).remote())


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()
