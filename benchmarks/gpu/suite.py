"""The tests that need a card, and trials of CIFAR-10's size through the trial loop."""

import gc
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.nets import Net, fast, made_up, resnet18, trial_config
from fitscape.models.spec import ModelSpec
from fitscape.study.training import choose_settings, run_trial
from fitscape.study.training.settings import Settings

ROOT = Path(__file__).parents[2]


def marked_tests(left: float) -> dict[str, Any]:
    """``pytest -m gpu``; only what lies in tests/training is read, the other folders need more packages."""
    command = [sys.executable, "-m", "pytest", "tests/training", "-m", "gpu", "-q", "-c", os.devnull, "--rootdir", "."]
    command += ["--confcutdir", "tests/training", "-p", "no:cacheprovider", "--import-mode=importlib", "--tb=short"]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=max(30, left)
    )
    return {"exit_code": done.returncode, "output": (done.stdout + done.stderr)[-6000:]}


def study(device: str, left: float) -> list[dict[str, Any]]:
    """Trials of 50,000 CIFAR-sized images, an epoch each, evaluation and checkpoint included."""
    cuda = device == "cuda"
    data = made_up(40_000 if cuda else 256, 10_000 if cuda else 64)
    end = time.monotonic() + left - 15
    rows = []
    nets = [resnet18(w, 128) for w in (0.125, 0.25, 0.5, 1)] if cuda else [resnet18(0.0625, 32)]
    for net in [*nets, Net("ResNet20 batch 128", ModelSpec(depth=20), 128)][: None if cuda else 1]:
        if time.monotonic() > end:
            break
        gc.collect()  # as a worker does between two trials
        started = time.monotonic()
        config = trial_config(net, steps=None, epochs=2, augment="crop_flip")
        done = list(run_trial(config, data, settings=fast(device)))
        seconds = time.monotonic() - started
        checkpoint_started = time.monotonic()
        size = len(done[-1].checkpoint())
        record = done[-1].record
        rows.append(
            {
                "net": net.name,
                "seconds": seconds,
                "images_per_second": record.images_per_second,
                "train_seconds": record.train_seconds,
                "eval_seconds": record.eval_seconds,
                "checkpoint_mib": size / 2**20,
                "checkpoint_seconds": time.monotonic() - checkpoint_started,
                "peak_mib": record.peak_memory_mib,
                "train_error": record.train_error,
            }
        )
        del done
    return rows


def choice(device: str) -> dict[str, Any]:
    """What ``choose_settings`` measures on this card, and how long it takes."""
    rows = {}
    for net in (resnet18(1, 128), resnet18(0.125, 128)) if device == "cuda" else (resnet18(0.0625, 8),):
        started = time.monotonic()
        chosen = choose_settings(net.spec, (3, 32, 32), 10, settings=Settings(device=device), batch_size=net.batch)
        rates = {f"{rate.precision} {rate.memory_format}": rate.images_per_second for rate in chosen.rates}
        taken = time.monotonic() - started
        rows[net.name] = {"chosen": f"{chosen.precision} {chosen.memory_format}", "rates": rates, "seconds": taken}
    if device == "cuda":
        torch.cuda.empty_cache()
    return rows
