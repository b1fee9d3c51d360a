"""How a trial is computed, as opposed to what it is: device, precision, threads, memory layout."""

from dataclasses import dataclass
from typing import Literal

import torch

Precision = Literal["fp32", "bf16"]
MemoryFormat = Literal["nchw", "channels_last", "mixed"]  # mixed: channels_last but for maps of few pixels
SAFE_FORMAT: MemoryFormat = "nchw"  # no convolution of torch is known to crash in it


@dataclass(frozen=True, kw_only=True)
class TrainingSpeed:
    """Training speed of one precision and layout, as ``choose_settings`` measured it."""

    precision: Precision
    memory_format: MemoryFormat
    images_per_second: float


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How trials are computed. Equal settings on one kind of device give equal numbers.

    ``precision`` is one for a whole study, or its trials could not be compared; the layout is free.

    Raises:
        ValueError: a field is out of range.
    """

    device: str = "cpu"
    precision: Precision = "fp32"
    memory_format: MemoryFormat = "nchw"
    threads: int = 1  # of the CPU; a study runs one trial a core
    captured: bool = True  # on a card, a step becomes one launch where every step is alike
    tf32: bool = True  # what float32 means for a card's convolutions; a CPU has no such units
    card_share: float | None = None  # of a card's memory that this process may take; None: whatever it has been given
    repeatable: bool = True  # False lets cuDNN pick kernels by timing: faster, not the same numbers twice
    rates: tuple[TrainingSpeed, ...] = ()  # what the choice rests on; empty where nothing was measured

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError(f"threads: {self.threads} is below 1")
        if self.card_share is not None and not 0 < self.card_share <= 1:
            raise ValueError(f"card_share: {self.card_share} is outside 0 to 1 (0 excluded)")
        try:
            torch.device(self.device)
        except RuntimeError as error:
            raise ValueError(f"device: '{self.device}' is not a device, use cpu or cuda") from error

    @property
    def torch_device(self) -> torch.device:
        """The device, for the process that computes; a driver without a GPU may hold settings for one.

        Raises:
            ValueError: CUDA asked for where there is none.
        """
        device = torch.device(self.device)
        if device.type == "cuda" and not torch.cuda.is_available():
            raise ValueError(f"device: '{self.device}' asked for, but torch finds no CUDA device")
        return device

    @property
    def torch_memory_format(self) -> torch.memory_format:
        """Of images, and of weights but for the exceptions that ``mixed`` makes."""
        return torch.contiguous_format if self.memory_format == "nchw" else torch.channels_last

    def autocast(self) -> torch.autocast:
        """bf16 needs no gradient scaling: its exponent is that of fp32."""
        return torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16, enabled=self.precision == "bf16")

    def apply(self) -> None:
        """Set what is the process's on a card: repeatable kernels, TF32, a share of the memory."""
        if self.torch_device.type != "cuda":
            return
        torch.backends.cudnn.benchmark = not self.repeatable
        torch.backends.cudnn.deterministic = self.repeatable
        torch.backends.cudnn.allow_tf32 = self.tf32
        if self.card_share is not None:
            torch.cuda.set_per_process_memory_fraction(self.card_share)
