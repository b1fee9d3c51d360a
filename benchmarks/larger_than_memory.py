"""Prepare and train on more images than a process may hold: memory, a kill at half, a second start, images a second.

    python -m benchmarks.larger_than_memory [--images 40000] [--size 224] [--steps 6]

JPEGs of smoothed noise are written fast, from a few pictures that are shifted. A process prepares them and is killed
at half, another goes on, a third starts again. Each writes down the largest ``RssAnon`` (/proc/PID/status, proc(5)) of
itself and of its children: memory that is its own, which the page cache is not. Then a ResNet18 of width 0.25 trains
on the mapped images and on a part of them in memory, interleaved; their losses are compared.
"""

import argparse
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.machine import facts
from benchmarks.record import RESULTS

ROUNDS = 3


def write_photos(folder: Path, count: int, size: int) -> None:
    """``count`` JPEGs of two classes, all different, as equal pixels would count as one image."""
    rng = np.random.default_rng(0)
    side = size + 64
    bases = []
    for _ in range(16):
        noise = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
        bases.append(np.asarray(noise.filter(ImageFilter.GaussianBlur(4))))
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
    for i in range(count):
        top, left = (i // 16) % 64, (i // 1024) % 64
        picture = bases[i % 16][top : top + size, left : left + size] ^ np.uint8(i % 2)
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=85)
        (folder / "ab"[i % 2] / f"{i:06}.jpg").write_bytes(buffer.getvalue())


def prepare(folder: str, root: str, size: int) -> None:
    """In a process of its own: load, and write down what it took as the last line."""
    from fitscape.study.config import DataConfig
    from fitscape.study.data import load

    begun = time.perf_counter()
    spoke: list[float] = []

    def say(text: str) -> None:
        spoke.append(time.perf_counter() - begun)
        print(text, flush=True)

    peak = _Peak()
    sealed = load(DataConfig(dataset=f"folder:{folder}", root=root, image_size=size), say=say)
    took = time.perf_counter() - begun
    said = {"seconds": took, "first_word": spoke[0] if spoke else None, **peak.stop()}
    print(json.dumps({**said, "mapped": sealed.trial_data.mapped is not None, "fingerprint": sealed.fingerprint}))


class _Peak:
    """The largest RssAnon of this process, and of one of its children, in MB."""

    def __init__(self) -> None:
        self._own = self._child = self._together = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, float]:
        self._over.set()
        self._thread.join()
        found = {"own_mb": self._own, "child_mb": self._child, "together_mb": self._together}
        return {name: round(value, 1) for name, value in found.items()}

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            own, children = anonymous(os.getpid()), [anonymous(pid) for pid in _children()]
            self._own = max(self._own, own)
            self._child = max([self._child, *children])
            self._together = max(self._together, own + sum(children))


def anonymous(pid: int) -> float:
    """RssAnon of a process, in MB; 0 where it has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("RssAnon:")), 0.0)
    except OSError:
        return 0.0


def _children() -> list[int]:
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread may end between the two looks
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def train(folder: str, root: str, size: int, steps: int) -> None:
    """In a process of its own: mapped and in memory in turn, and what it took as the last line."""
    from fitscape.models.spec import ModelSpec
    from fitscape.study.config import DataConfig, TrialConfig
    from fitscape.study.data import load
    from fitscape.study.training import Settings, run_trial

    peak = _Peak()
    begun = time.perf_counter()
    data = load(DataConfig(dataset=f"folder:{folder}", root=root, image_size=size, probe_size=64)).trial_data
    loaded = time.perf_counter() - begun
    few = replace(data, val_images=data.val_images[:64], val_labels=data.val_labels[:64], val_half=data.val_half[:64])
    trial = TrialConfig(model=ModelSpec(family="resnet", depth=18, width=0.25)).with_hyperparameters(
        {"batch_size": 32, "epochs": 1, "steps_per_epoch": steps, "lr": 0.01}
    )
    mapped = peak.stop()
    memory = replace(few, train_images=data.train_images.clone(), mapped=None)
    speeds: dict[str, list[float]] = {"mapped": [], "in_memory": []}
    losses: dict[str, list[float]] = {"mapped": [], "in_memory": []}
    for _ in range(ROUNDS):
        for name, images in (("mapped", few), ("in_memory", memory)):
            record = [p.record for p in run_trial(trial, images, settings=Settings())][-1]
            speeds[name].append(record.images_per_second)
            losses[name].append(record.batch_loss)
    print(
        json.dumps({"load_seconds": loaded, "before_training": mapped, "images_per_second": speeds, "losses": losses})
    )


def _run(*arguments: str, kill_at: int = 0, chunks: Path | None = None) -> dict[str, Any]:
    """A step of the benchmark in a process of its own; ended by SIGKILL once so many chunks are there."""
    command = [sys.executable, "-m", "benchmarks.larger_than_memory", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if kill_at and chunks is not None:
            while process.poll() is None and _chunks(chunks) < kill_at:
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            return {"chunks": _chunks(chunks)}
        lines = [line.rstrip() for line in process.stdout]
    print("\n".join(lines[:-1]), flush=True)
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _chunks(root: Path) -> int:
    return len(list(root.glob("prepared/.decoding-*/pool-*/*.npz")))


def measure(images: int, size: int, steps: int) -> None:
    """All steps one after the other, each in a process of its own; writes the results."""
    with tempfile.TemporaryDirectory(prefix="fitscape-larger-") as temporary:
        photos, root = f"{temporary}/photos", f"{temporary}/data"
        write_photos(Path(photos), images, size)
        print("written", flush=True)
        step = ["--at", photos, root, "--size", str(size), "--steps", str(steps)]
        half = images // 64 // 2
        killed = _run("--step", "prepare", *step, kill_at=half, chunks=Path(root))
        first, second = (_run("--step", "prepare", *step) for _ in range(2))
        trained = _run("--step", "train", *step)
    speed = trained["images_per_second"]
    ratios = [a / b for a, b in zip(speed["mapped"], speed["in_memory"], strict=True)]
    results = {
        "machine": facts(),
        "images": images,
        "size": size,
        "decoded_gb": round(images * 3 * size**2 / 1e9, 2),
        "killed_at_chunks": killed["chunks"],
        "chunks": -(-images // 64),
        "went_on": first,
        "second_start": second,
        "training": {**trained, "ratios": ratios, "median_ratio": statistics.median(ratios)},
        "losses_equal": trained["losses"]["mapped"] == trained["losses"]["in_memory"],
    }
    file = RESULTS / f"larger_than_memory-{results['machine']['date'][:10]}.json"
    file.write_text(json.dumps(results, indent=1) + "\n")
    print(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=40_000)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--step", choices=["prepare", "train"])
    parser.add_argument("--at", nargs=2, default=["", ""])
    asked = parser.parse_args()
    photos, root = asked.at
    if asked.step == "prepare":
        prepare(photos, root, asked.size)
    elif asked.step == "train":
        train(photos, root, asked.size, asked.steps)
    else:
        measure(asked.images, asked.size, asked.steps)


if __name__ == "__main__":
    main()
