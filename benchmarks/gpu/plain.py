"""The loop that a careful user would write for a card: the yardstick. Eager, but with nothing left out that is easy.

The images lie on the card, shuffled there; bf16 by autocast, channels_last, cuDNN's kernels picked by timing; no wait
for the card in a step.
"""

import torch
import torch.nn.functional as F

from benchmarks.gpu.nets import CLASSES, SHAPE, Net
from fitscape.models.build import build
from fitscape.study.data import TrialData


class PlainLoop:
    """Trains for ever."""

    def __init__(self, net: Net, data: TrialData, device: str) -> None:
        torch.manual_seed(0)
        self._model = build(net.spec, SHAPE, CLASSES).to(device).to(memory_format=torch.channels_last).train()
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
        self._images, self._labels = data.train_images.to(device), data.train_labels.to(device)
        self._batch, self._device = net.batch, device
        self._order = torch.empty(0, dtype=torch.int64, device=device)

    def train(self, steps: int) -> float:
        """Mean loss of the next ``steps`` steps; the only wait for the device is for it."""
        before = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = True, False
        total = torch.zeros((), device=self._device)
        for _ in range(steps):
            if len(self._order) < self._batch:
                self._order = torch.randperm(len(self._images), device=self._device)
            chosen, self._order = self._order[: self._batch], self._order[self._batch :]
            images = self._images[chosen].to(torch.float32, memory_format=torch.channels_last)
            images = images.sub_(128).div_(64)
            self._optimizer.zero_grad()
            with torch.autocast(self._device, dtype=torch.bfloat16, enabled=self._device == "cuda"):
                loss = F.cross_entropy(self._model(images), self._labels[chosen])
            loss.backward()
            self._optimizer.step()
            total += loss.detach()
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = before
        return total.item() / steps
