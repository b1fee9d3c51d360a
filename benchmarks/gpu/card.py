"""What card this is, and what it can do at best: the two ceilings that shares are of."""

import shutil
import statistics
import subprocess
from typing import Any

import torch

from benchmarks.clocks import Span
from benchmarks.machine import facts

ROUNDS = 7


def describe(device: str) -> dict[str, Any]:
    """Machine, card, driver and what torch says of them."""
    described: dict[str, Any] = {"machine": facts(), "cuda": torch.version.cuda, "device": device}
    if device == "cpu":
        return {**described, "card": "cpu"}
    card = torch.cuda.get_device_properties(0)
    return {
        **described,
        "card": card.name,
        "compute_capability": f"{card.major}.{card.minor}",
        "memory_mib": card.total_memory / 2**20,
        "multiprocessors": card.multi_processor_count,
        "l2_mib": card.L2_cache_size / 2**20,
        "driver, clocks, modes": _driver(),
        "cudnn": torch.backends.cudnn.version(),
        "architectures": torch.cuda.get_arch_list(),
        "bf16_units": torch.cuda.is_bf16_supported(including_emulation=False),
        "tf32_of_convolutions": torch.backends.cudnn.allow_tf32,
        "tf32_of_products": torch.backends.cuda.matmul.allow_tf32,
        "mps": shutil.which("nvidia-cuda-mps-control"),
    }


def _driver() -> str:
    if shutil.which("nvidia-smi") is None:
        return "no nvidia-smi"
    query = ["nvidia-smi", "--query-gpu=driver_version,clocks.sm,clocks.mem,compute_mode,mig.mode.current"]
    smi = subprocess.run([*query, "--format=csv,noheader"], capture_output=True, text=True, check=False, timeout=30)
    return (smi.stdout + smi.stderr).strip()


def timed(work: Any, device: str, repeats: int) -> float:
    """Seconds of one ``work()``: the median of several rounds, waiting for the device once a round."""
    rounds = []
    for i in range(ROUNDS + 1):
        started = Span.now()
        for _ in range(repeats):
            work()
        if device == "cuda":
            torch.cuda.synchronize()
        if i:
            rounds.append(Span.now().since(started).wall / repeats)
    return statistics.median(rounds)


def ceilings(device: str, size: int) -> dict[str, float]:
    """FLOP/s of ``size``^2 products of random numbers, bytes/s of a copy (read and written), seconds of a launch."""
    repeats = 10 if device == "cuda" else 1
    found: dict[str, float] = {"size": size}
    for name, dtype, tf32 in (
        ("bf16", torch.bfloat16, False),
        ("tf32", torch.float32, True),
        ("fp32", torch.float32, False),
    ):
        a, b = (torch.randn(size, size, dtype=dtype, device=device) for _ in range(2))
        torch.backends.cuda.matmul.allow_tf32 = tf32
        try:
            found[name] = 2 * size**3 / timed(lambda a=a, b=b: a @ b, device, repeats)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = False
    source = torch.randn(2**29 if device == "cuda" else 2**22, device=device)
    target = torch.empty_like(source)
    found["copy"] = 2 * 4 * source.numel() / timed(lambda: target.copy_(source), device, repeats)
    small = torch.zeros(1, device=device)
    found["launch_seconds"] = timed(lambda: small.add_(1), device, 1000)
    return found
