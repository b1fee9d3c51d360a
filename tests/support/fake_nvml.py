"""NVML without a driver."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class FakeNvml(ModuleType):
    """NVML with cards that are tuples: a UUID, and the UUIDs of its slices."""

    class NVMLError(Exception):
        pass

    def __init__(self, *there: tuple[str, tuple[str, ...]], lost: int | None = None, absent: bool = False) -> None:
        super().__init__("pynvml")
        self._there, self._lost, self._absent = there, lost, absent

    def nvmlInit(self) -> None:
        if self._absent:
            raise self.NVMLError("NVML Shared Library Not Found")

    def nvmlShutdown(self) -> None:
        pass

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.65"

    def nvmlDeviceGetCount(self) -> int:
        return len(self._there)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:
        if index == self._lost:
            raise self.NVMLError("GPU is lost")
        return self._there[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Any:
        return next(handle for handle in self._there if handle[0] == uuid)

    def nvmlDeviceGetMigMode(self, handle: Any) -> list[int]:
        if not handle[1]:
            raise self.NVMLError("Not Supported")
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int) -> Any:
        if index >= len(handle[1]):
            raise self.NVMLError("Not Found")
        return (handle[1][index], ())

    nvmlMemory_v2 = 0x02000028

    def nvmlDeviceGetMemoryInfo(self, handle: Any, version: int | None = None) -> Any:
        """The first version counts what the driver keeps for itself as used."""
        reserved = 600 * 2**20
        return SimpleNamespace(total=24 * 2**30, used=2**30 + (0 if version == self.nvmlMemory_v2 else reserved))

    def nvmlDeviceGetUUID(self, handle: Any) -> str:
        return str(handle[0])

    def nvmlDeviceGetName(self, handle: Any) -> str:
        return "NVIDIA L4"


def install(monkeypatch: pytest.MonkeyPatch, *there: tuple[str, tuple[str, ...]], **how: Any) -> None:
    """Cards for whoever imports pynvml, as `FakeNvml` takes them."""
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(*there, **how))
