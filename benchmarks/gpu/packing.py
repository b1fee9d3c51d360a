"""Narrow trials side by side on one card, each in a process of its own, with and without MPS."""

import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.nets import fast, made_up, resnet18, running, way

COUNTS = (1, 2, 4, 8, 16)
WINDOW = 3.0  # seconds of a measurement
STEPS = 100  # of an epoch


def packed(device: str, name: str, *, mps: bool, left: float) -> dict[str, Any]:
    """Images/s of 1 to 16 trials together."""
    counts = COUNTS if device == "cuda" else (1, 2)
    with _mps() if mps else _nothing():
        started = time.monotonic()
        workers = [_Worker(device, name) for _ in range(counts[-1])]
        try:
            for worker in workers:
                worker.wait(left)
            found: dict[str, Any] = {"start_seconds": time.monotonic() - started, "images_per_second": {}}
            for count in counts:
                for worker in workers[:count]:
                    worker.pipe.send(WINDOW if device == "cuda" else 0.1)
                rates = [worker.wait(left) for worker in workers[:count]]
                found["images_per_second"][str(count)] = sum(rates)
            if device == "cuda":
                free, total = torch.cuda.mem_get_info()
                found["card_used_mib"] = (total - free) / 2**20
            found["host_rss_mib"] = [worker.resident() for worker in workers[:2]]
            return found
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.join()


class _Worker:
    def __init__(self, device: str, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, device, name), daemon=True)
        self.process.start()

    def wait(self, seconds: float) -> Any:
        if not self.pipe.poll(seconds):
            raise TimeoutError("a packed trial gave no answer")
        answer = self.pipe.recv()
        if isinstance(answer, str) and answer != "ready":
            raise RuntimeError(answer)
        return answer

    def resident(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:"))


def _serve(pipe: Connection, device: str, name: str) -> None:
    torch.set_num_threads(1)
    try:
        net = resnet18(0.125 if device == "cuda" else 0.0625, 128 if device == "cuda" else 16)
        data = made_up(8192 if device == "cuda" else 64, 512 if device == "cuda" else 32, probe=512)
        trial = running(net, data, way(fast(device), name), STEPS if device == "cuda" else 2)
        next(trial)
        pipe.send("ready")
        while True:
            window = pipe.recv()
            started = now = time.monotonic()
            images = 0
            while now - started < window:
                next(trial)
                images += (STEPS if device == "cuda" else 2) * net.batch
                now = time.monotonic()
            pipe.send(images / (now - started))
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - sent to the parent
        pipe.send(f"{type(error).__name__}: {error}")


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _mps() -> Iterator[None]:
    """NVIDIA's multi-process service for the processes that are started within; the card's settings stay."""
    control = shutil.which("nvidia-cuda-mps-control")
    if control is None:
        raise FileNotFoundError("nvidia-cuda-mps-control is not installed")
    with tempfile.TemporaryDirectory() as folder:
        ours = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        os.environ.update(ours)
        try:
            subprocess.run([control, "-d"], check=True, timeout=30)
            yield
        finally:
            subprocess.run([control], input="quit\n", text=True, check=False, timeout=30)
            for name in ours:
                os.environ.pop(name)
