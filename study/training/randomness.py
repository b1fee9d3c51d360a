"""The random streams of one trial: its own, so that nothing that runs beside it can shift them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def stream_seed(seed: int, stream: str) -> int:
    """A seed for one named use of a trial's seed; streams of one trial are independent of each other."""
    return int.from_bytes(hashlib.sha256(f"{stream}:{seed}".encode()).digest()[:7], "big")


@contextmanager
def seeded_default(seed: int, stream: str) -> Iterator[None]:
    """torch's default CPU generator, seeded inside and put back after: network initialization draws from it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, stream))
        yield


class Randomness:
    """Generators for data order and augmentation, and the default generators as this trial sees them.

    Dropout draws from torch's default generator of the device, which every trial of the process shares.
    ``running`` therefore swaps in this trial's state and puts the other one back at the end.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.order = torch.Generator().manual_seed(stream_seed(seed, "order"))
        self.augmentation = torch.Generator(device).manual_seed(stream_seed(seed, "augmentation"))
        self._device = device
        self._default = {"cpu": torch.Generator().manual_seed(stream_seed(seed, "dropout")).get_state()}
        if device.type == "cuda":
            generator = torch.Generator(device).manual_seed(stream_seed(seed, "dropout"))
            self._default["cuda"] = generator.get_state()

    @contextmanager
    def running(self) -> Iterator[None]:
        with torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else []):
            self._set_default()
            yield
            self._default = self._get_default()

    def snapshot(self) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """While running: the streams that a step draws from, for ``restore``."""
        return self.augmentation.get_state(), self._get_default()

    def restore(self, streams: tuple[torch.Tensor, dict[str, torch.Tensor]]) -> None:
        """While running: the streams as they were at ``snapshot``."""
        augmentation, self._default = streams
        self.augmentation.set_state(augmentation)
        self._set_default()

    def _get_default(self) -> dict[str, torch.Tensor]:
        states = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._device)
        return states

    def _set_default(self) -> None:
        torch.set_rng_state(self._default["cpu"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(self._default["cuda"], self._device)

    def state_dict(self) -> dict[str, Any]:
        return {
            "order": self.order.get_state(),
            "augmentation": self.augmentation.get_state(),
            "default": dict(self._default),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue every stream. From another kind of device, those of the device start anew, as they began.

        Its generators are of another make. Order, subset and labels are drawn on the CPU and go on as they were.
        """
        self.order.set_state(state["order"])
        if len(state["augmentation"]) == len(self.augmentation.get_state()):
            self.augmentation.set_state(state["augmentation"])
        self._default |= {device: held for device, held in state["default"].items() if device in self._default}
