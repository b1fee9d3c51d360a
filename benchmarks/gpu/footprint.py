"""Memory: what a trial's process takes of a card beside what torch counts, and what happens when it lacks."""

import gc
import multiprocessing
import os
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, Literal

import torch

from benchmarks.gpu.nets import WAYS, Net, densenet121, fast, made_up, resnet18, trial_config, way
from fitscape.models.spec import ModelSpec
from fitscape.study.training import AttemptOutOfMemory, Settings, TrialOutOfMemory, run_trial

MIB = 2**20
Precision = Literal["fp32", "bf16"]
WORST = Net(
    "DenseNet121 width 2 group norm batch 512", ModelSpec(family="densenet", depth=121, width=2, norm="group"), 512
)
CASES: tuple[tuple[Net, Precision], ...] = (
    (resnet18(0.125, 128), "bf16"),
    (resnet18(1, 512), "bf16"),
    (densenet121(128), "fp32"),
    (WORST, "bf16"),
)
SMALL: tuple[tuple[Net, Precision], ...] = ((resnet18(0.0625, 32), "fp32"),)
LADDER = (1.2, 0.8, 0.55, 0.3, 0.1)  # of the peak


def footprint(net: Net, precision: Precision, device: str, *, expandable: bool, left: float) -> dict[str, Any]:
    """In a process of its own: allocated and reserved peak, and what the card has less of while it lives."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else 0
    process = context.Process(target=_train, args=(theirs, net, precision, device, expandable), daemon=True)
    process.start()
    try:
        if not ours.poll(left):
            raise TimeoutError(f"no answer in {left:.0f} s")
        found: dict[str, Any] = ours.recv()
        if device == "cuda" and "error" not in found:
            found["card_mib"] = (free - torch.cuda.mem_get_info()[0]) / MIB
        return found
    finally:
        process.kill()
        process.join()


def _train(pipe: Connection, net: Net, precision: Precision, device: str, expandable: bool) -> None:
    if expandable:
        os.environ["PYTORCH_ALLOC_CONF"] = os.environ["PYTORCH_CUDA_ALLOC_CONF"] = "expandable_segments:True"
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    try:
        data = made_up(4096 if device == "cuda" else 256, 4096 if device == "cuda" else 256)
        settings = replace(fast(device), precision=precision)
        progress = None
        for progress in run_trial(trial_config(net, steps=4, epochs=2), data, settings=settings):
            found.setdefault("epochs", []).append(progress.record.peak_memory_mib)
        assert progress is not None
        found["halved"], found["recorded_mib"] = progress.halved, progress.record.peak_memory_mib
        if device == "cuda":
            found["allocated_mib"] = torch.cuda.max_memory_allocated() / MIB
            found["reserved_mib"] = torch.cuda.max_memory_reserved() / MIB
            free, total = torch.cuda.mem_get_info()
            found["free_mib"], found["total_mib"] = free / MIB, total / MIB
    except Exception as error:  # noqa: BLE001 - sent to the parent
        found["error"] = f"{type(error).__name__}: {error}"
    pipe.send(found)
    pipe.recv()  # hold the memory until the parent has looked


def ladder(device: str) -> dict[str, Any]:
    """The outcome of one trial under ever less memory: whole, halved, out of memory."""
    if device == "cpu":
        return {"skipped": "no card"}
    data = made_up(4096, 1024)
    net = resnet18(1, 512)
    found: dict[str, Any] = {}
    total = torch.cuda.mem_get_info()[1]
    for name in WAYS:
        settings = way(fast(device), name)
        _clean()
        whole = next(run_trial(trial_config(net, steps=4), data, settings=settings))
        peak = torch.cuda.max_memory_reserved()
        del whole
        rows: dict[str, str] = {}
        for share in LADDER:
            _clean()
            tight = replace(settings, card_share=min(1.0, share * peak / total))
            rows[f"{share:g} of {peak / MIB:.0f} MiB"] = _outcome(net, data, tight)
        found[name] = rows
    _clean()
    return found


def growth(device: str, trials: int = 10) -> dict[str, Any]:
    """Memory after each of several trials in one process: a warm worker must not grow."""
    data = made_up(2048, 512)
    rows = []
    for i in range(trials if device == "cuda" else 3):
        net = resnet18((1, 0.5, 0.25)[i % 3] if device == "cuda" else 0.0625, 256 if device == "cuda" else 32)
        for _ in run_trial(trial_config(net, steps=4, epochs=1), data, settings=fast(device)):
            pass
        gc.collect()
        rows.append(
            (torch.cuda.memory_allocated() / MIB, torch.cuda.memory_reserved() / MIB) if device == "cuda" else (0, 0)
        )
    return {"allocated_and_reserved_mib": rows}


def _outcome(net: Net, data: Any, settings: Settings) -> str:
    try:
        progress = next(run_trial(trial_config(net, steps=4), data, settings=settings))
    except (TrialOutOfMemory, AttemptOutOfMemory) as error:
        return f"{type(error).__name__}: {str(error)[:120]}"
    return f"{'halved' if progress.halved else 'whole'}, loss {progress.record.train_loss:.4f}"


def _clean() -> None:
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1.0)  # an earlier rung's share
    torch.cuda.reset_peak_memory_stats()
