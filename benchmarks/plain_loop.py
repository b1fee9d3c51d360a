"""The loop that a user would write: torchvision data set, DataLoader, fp32, NCHW. Honest: no handicap added.

It lives in a process of its own, so that what the engine does to its process (memory allocation) does not help it.
"""

import gzip
import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.clocks import Span
from fitscape.models.build import build
from fitscape.models.spec import ModelSpec

SYSTEM_FILES = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist


def fashion_mnist(root: Path) -> datasets.FashionMNIST:
    """torchvision's own class; its files unpacked from the system's package, else downloaded by it."""
    raw = root / "FashionMNIST" / "raw"
    if SYSTEM_FILES.is_dir() and not raw.is_dir():
        raw.mkdir(parents=True)
        for packed in SYSTEM_FILES.glob("*.gz"):
            (raw / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.2860,), (0.3530,))])
    return datasets.FashionMNIST(str(root), train=True, download=True, transform=transform)


class PlainLoop:
    """Trains for ever, loading included."""

    def __init__(self, model: nn.Module, data: datasets.FashionMNIST, *, batch_size: int, device: str) -> None:
        self.model = model.to(device)
        self.device = device
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
        self.loader = DataLoader(data, batch_size=batch_size, shuffle=True, num_workers=0, drop_last=True)
        self.batches = self._endless()

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self.loader

    def train(self, steps: int) -> float:
        """Mean loss of the next ``steps`` steps."""
        running_loss = 0.0
        self.model.train()
        for _ in range(steps):
            images, labels = next(self.batches)
            images, labels = images.to(self.device), labels.to(self.device)
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.model(images), labels)
            loss.backward()
            self.optimizer.step()
            running_loss += loss.item()
        return running_loss / steps


class PlainProcess:
    """The plain loop behind a pipe."""

    def __init__(self, spec: ModelSpec, root: Path, *, batch_size: int, device: str) -> None:
        self._pipe, theirs = multiprocessing.get_context("spawn").Pipe()
        arguments = (theirs, spec, root, batch_size, device)
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        self._pipe.recv()

    def train(self, steps: int) -> Span:
        """The time that ``steps`` steps took, loading included."""
        self._pipe.send(steps)
        span = self._pipe.recv()
        assert isinstance(span, Span)
        return span

    def close(self) -> None:
        self._pipe.send(0)
        self._process.join()


def _serve(pipe: Connection, spec: ModelSpec, root: Path, batch_size: int, device: str) -> None:
    torch.set_num_threads(1)
    model = build(spec, (1, 28, 28), 10)
    loop = PlainLoop(model, fashion_mnist(root), batch_size=batch_size, device=device)
    pipe.send("ready")
    while steps := pipe.recv():
        started = Span.now()
        loop.train(steps)
        pipe.send(Span.now().since(started))
