"""The loop that a user would write: torchvision data set, DataLoader, fp32, NCHW. Honest: no handicap added."""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

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
    """Trains for ever; ``images_per_second`` is of the next ``steps`` steps, loading included."""

    def __init__(self, model: nn.Module, data: datasets.FashionMNIST, *, batch_size: int, device: str) -> None:
        self.model = model.to(device)
        self.device = device
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
        self.loader = DataLoader(data, batch_size=batch_size, shuffle=True, num_workers=0, drop_last=True)
        self.batches = self._endless()

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self.loader

    def images_per_second(self, steps: int) -> float:
        started, images_seen, running_loss = time.perf_counter(), 0, 0.0
        self.model.train()
        for _ in range(steps):
            images, labels = next(self.batches)
            images, labels = images.to(self.device), labels.to(self.device)
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.model(images), labels)
            loss.backward()
            self.optimizer.step()
            running_loss += loss.item()
            images_seen += len(labels)
        return images_seen / (time.perf_counter() - started)
