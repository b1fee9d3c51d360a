"""What is measured once before the first trial: precision and layout, and how many trials share a card."""

from dataclasses import asdict, replace
from typing import Any

from study.config import DataCondition, StudyConfig, TrialConfig
from study.data import TrialData
from study.ledger import Ledger
from study.scheduling.cluster import Cluster, Request
from study.scheduling.cost import costliest
from study.search.space import Space
from study.training import Settings, choose_settings, run_trial

META = "settings"  # key in the ledger
MOST_PER_CARD = 16  # trials; more only wait for one another
CARD_SHARE = 0.9  # of a card's memory that trials may fill
CONTEXT_MIB = 600.0  # CUDA context of each process, which torch's peak leaves out
MEASURED_STEPS = 4


def study_settings(
    config: StudyConfig, space: Space, data: TrialData, ledger: Ledger, *, cluster: Cluster, request: Request
) -> Settings:
    """Precision and layout of the study: as its first run chose them, or measured now and written down.

    Precision stays for the life of a study, or its trials could not be compared; the layout is chosen anew on
    another kind of device. Measured where trials run: in this process on a local CPU, else in a Ray task.
    """
    kept: dict[str, Any] = ledger.get_meta(META, {})
    asked = config.resources.precision
    threads = max(1, int(request.cpus))
    base = Settings(threads=threads)
    device = "cuda" if request.gpus else "cpu"
    if kept.get("device") == device and asked in ("auto", kept["precision"]):
        return replace(base, precision=kept["precision"], memory_format=kept["memory_format"])
    trial = _costliest(config, space, ledger, data)
    fixed = kept.get("precision") if asked == "auto" else asked

    def measure() -> Settings:
        import ray

        settings = replace(base, device="cuda") if ray.get_gpu_ids() and _cuda() else base
        return choose_settings(
            trial.model,
            data.input_shape,
            len(data.classes),
            settings=settings,
            precision=fixed,
            batch_size=trial.optimization.batch_size,
        )

    chosen = measure() if cluster.local and not request.gpus else _on_worker(measure, request)
    ledger.set_meta(
        META,
        {
            "device": device,
            "precision": chosen.precision,
            "memory_format": chosen.memory_format,
            "measured_on": trial.flat(),
            "rates": [asdict(rate) for rate in chosen.rates],
        },
    )
    return replace(chosen, device="cpu")  # each worker puts its own device in


def gpu_share(config: StudyConfig, space: Space, data: TrialData, ledger: Ledger, *, cluster: Cluster) -> float:
    """GPUs a trial: as asked, or for ``auto`` 1/n, n trials of the costliest kind filling a card's memory.

    0 on a cluster without cards; 1 where a card is only logical.
    """
    resources = config.resources
    if resources.gpus_per_trial != "auto":
        return resources.gpus_per_trial
    cards = [node for node in cluster.nodes() if node.gpus]
    if not cards:
        return 0.0
    trial = _costliest(config, space, ledger, data)
    few = trial.with_dials({"epochs": 1, "steps_per_epoch": MEASURED_STEPS, **DataCondition().model_dump()})

    def measure() -> tuple[float, float] | None:
        if not _cuda():
            return None
        import torch

        settings = Settings(device="cuda")
        peak = max(progress.record.peak_memory_mib for progress in run_trial(few, data, settings=settings))
        return peak, torch.cuda.get_device_properties(0).total_memory / 2**20

    measured = _on_worker(measure, Request(resources.cpus_per_trial, 1))
    if measured is None:
        return 1.0
    cpus = max(node.cpus / node.gpus for node in cards)
    share = 1 / trials_per_card(*measured, most=int(min(MOST_PER_CARD, cpus / resources.cpus_per_trial)))
    ledger.set_meta("gpu_share", {"share": share, "peak_mib": measured[0], "card_mib": measured[1]})
    return share


def trials_per_card(peak_mib: float, card_mib: float, *, most: int) -> int:
    """How many trials fit on a card, at least one."""
    return max(1, min(most, int(CARD_SHARE * card_mib / (peak_mib + CONTEXT_MIB))))


def _costliest(config: StudyConfig, space: Space, ledger: Ledger, data: TrialData) -> TrialConfig:
    waiting = [trial.config for trial in ledger.pending()]
    return costliest(config, space, waiting, data.input_shape, len(data.classes))


def _on_worker(task: Any, request: Request) -> Any:
    import ray

    return ray.get(ray.remote(num_cpus=request.cpus, num_gpus=request.gpus, max_retries=2)(task).remote())


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()
