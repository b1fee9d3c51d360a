"""The NVIDIA cards of one machine: which there are, by UUID, and whether a trial can run on each.

Everything here runs on the machine that it speaks of: in the driver of a local study, in a task of each node otherwise.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CHECK_WITHIN = 60.0  # seconds in which a card runs a kernel, once torch is imported
IMPORT_WITHIN = 300.0  # seconds of that import: a few, or minutes from a slow network disk
ENDS_WITHIN = IMPORT_WITHIN + CHECK_WITHIN
PACKAGES = Path(__file__).parents[3]  # holds the package fitscape, as this process imported it
MIB = 2**20
LATE = "Timeout ("  # how faulthandler begins, where it ends a check
AMPERE = (8, 0)  # compute capability, from which on cards have bf16 units and TF32
MPS_FOLDER = "/tmp/nvidia-mps"  # where MPS is unless $CUDA_MPS_PIPE_DIRECTORY says otherwise
LOGICAL = "FITSCAPE_LOGICAL_GPUS"  # for tests: GPUs that Ray declares are numbers, and trials train on the CPU


@dataclass(frozen=True)
class Card:
    """A card, or a slice of one (MIG), that CUDA programs of this machine may use."""

    uuid: str  # as CUDA_VISIBLE_DEVICES takes it
    name: str
    memory_mib: float = 0.0
    driver: str = ""


@dataclass(frozen=True)
class CardState:
    """What the check of a card found. ``fault`` is empty where a trial can run on it."""

    card: Card
    capability: str = ""  # compute capability, for example 8.9
    fault: str = ""
    fix: str = ""
    mps: bool = False  # NVIDIA's multi-process service runs on its machine
    idle: bool = False  # Ray does not hand it out, and nobody has tried it

    @property
    def bf16(self) -> bool:
        """Whether it has bf16 units, as far as is known. A card without them emulates bf16 and says it can do it."""
        return not self.capability or tuple(map(int, self.capability.split("."))) >= AMPERE

    @property
    def tf32(self) -> bool:
        """Whether its convolutions in fp32 are of TF32 numbers, which have 10 bits of mantissa."""
        return bool(self.capability) and self.bf16

    @property
    def text(self) -> str:
        """``NVIDIA L4 (driver 580.65, compute capability 8.9, 23034 MiB)``."""
        facts = (
            f"driver {self.card.driver}" if self.card.driver else "",
            f"compute capability {self.capability}" if self.capability else "",
            f"{self.card.memory_mib:.0f} MiB" if self.card.memory_mib else "",
        )
        known = ", ".join(filter(None, facts))
        return f"{self.card.name} ({known})" if known else self.card.name


def cards() -> list[Card]:
    """Every card that this process may use, in the order of the PCI bus; empty where there is no NVIDIA driver.

    A card that is cut into slices (MIG) is not listed, its slices are. ``CUDA_VISIBLE_DEVICES`` hides cards, as it does
    from CUDA: it names them by position or by the beginning of their UUID, and ends at the first that does not exist.
    """
    found = _installed()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return found
    chosen = []
    for name in (part.strip() for part in visible.split(",")):
        card = _named(name, found)
        if card is None:
            break
        chosen.append(card)
    return chosen


def _named(name: str, found: list[Card]) -> Card | None:
    if name.isdecimal():
        return found[int(name)] if int(name) < len(found) else None
    return next((card for card in found if name and card.uuid.startswith(name)), None)


def _installed() -> list[Card]:
    import pynvml as nvml

    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []
    try:
        driver = nvml.nvmlSystemGetDriverVersion()
        found: list[Card] = []
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                whole = nvml.nvmlDeviceGetHandleByIndex(index)
                found += [_card(nvml, handle, driver) for handle in _slices(nvml, whole) or [whole]]
            except nvml.NVMLError as error:  # it has fallen off the bus: there is no card to speak of
                found.append(Card(f"unknown-{index}", f"card {index} ({error})", 0.0, driver))
        return found
    finally:
        nvml.nvmlShutdown()


def _slices(nvml: Any, whole: Any) -> list[Any]:
    """The MIG devices of a card; none where it is not cut."""
    try:
        if not nvml.nvmlDeviceGetMigMode(whole)[0]:
            return []
    except nvml.NVMLError:  # a card that cannot be cut
        return []
    handles = []
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(whole)):
        try:
            handles.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(whole, index))
        except nvml.NVMLError:  # fewer than could be
            continue
    return handles


def _card(nvml: Any, handle: Any, driver: str) -> Card:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle).total / MIB
    return Card(nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle), memory, driver)


def check(found: list[Card]) -> list[CardState]:
    """Run one kernel on each card, all cards at once, each in a process of its own.

    A process of its own, because a card may hang its process, and because a process that has touched a card holds some
    hundreds of MiB of it.
    """
    with ThreadPoolExecutor(max(1, len(found))) as pool:
        return list(pool.map(_check, found))


def check_declared(declared: int, logical: bool) -> list[dict[str, Any]]:
    """Check the cards of this machine that Ray gives to trials, and list the others.

    As JSON, since nodes may run another build of this.

    Args:
        declared: Ray's number of GPUs here. Those that the machine does not have are at fault, cards beyond them idle.
        logical: none is a card; all are well.
    """
    if logical:
        return [asdict(CardState(Card(f"logical-{i}", "logical GPU"))) for i in range(declared)]
    found = cards()
    if not found:  # no NVML: another maker's cards, or none; CUDA's own word is asked
        found = [Card(str(i), f"GPU {i}") for i in range(declared)]
    fix = "start Ray there with --num-gpus of the cards that there are"
    lacking = [
        CardState(Card(f"lacking-{i}", f"GPU {i}"), fault=f"Ray declares it, the machine has {len(found)}", fix=fix)
        for i in range(len(found), declared)
    ]
    idle = [CardState(card, idle=True) for card in found[declared:]]
    mps = mps_runs()
    return [asdict(replace(state, mps=mps)) for state in (*check(found[:declared]), *lacking, *idle)]


def mps_runs() -> bool:
    """Whether NVIDIA's multi-process service is at work where CUDA programs of this machine look for it."""
    folder = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or MPS_FOLDER)
    try:
        os.kill(int((folder / "nvidia-cuda-mps-control.pid").read_text()), 0)
    except PermissionError:  # it is another user's
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True


def check_one(uuid: str) -> str:
    """What is wrong with a card of this machine; empty where it runs a kernel."""
    found = cards()
    named = [card for card in found if card.uuid == uuid]
    if found and not named:
        return "the driver no longer lists it"
    return check(named or [Card(uuid, uuid)])[0].fault


def from_json(states: list[dict[str, Any]]) -> list[CardState]:
    """What ``check_declared`` found."""
    return [CardState(**{**state, "card": Card(**state["card"])}) for state in states]


def own(logical: bool) -> Card:
    """The one card that Ray gave this process."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0]
    if logical:
        return Card(f"logical-{given}", "logical GPU")
    if found := cards():
        return found[0]
    return Card(f"lacking-{given}" if given.isdecimal() and _installed() else given, f"GPU {given}")


def _check(card: Card) -> CardState:
    # Ray leaves CUDA_VISIBLE_DEVICES alone in a task without GPUs: it is set here, to this card alone.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": card.uuid}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "fitscape.study.scheduling.card_check", str(CHECK_WITHIN)]
    fix = "look at it with nvidia-smi on that machine; a restart may help"
    try:
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=ENDS_WITHIN)
        answer = json.loads(ran.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return CardState(card, fault=f"the check of it gave no answer in {ENDS_WITHIN:g} s", fix=fix)
    except (ValueError, IndexError):
        if ran.stderr.startswith(LATE):
            return CardState(card, fault=f"ran no kernel in {CHECK_WITHIN:g} s", fix=fix)
        last = (ran.stderr.strip().splitlines() or [f"exit {ran.returncode}"])[-1]
        return CardState(card, fault=f"the check of it crashed ({last[:200]})", fix=fix)
    return CardState(card, **answer)


def other_maker() -> str:
    """What this machine's torch could use instead of CUDA, without importing torch; empty where it is nothing."""
    if sys.platform == "darwin":
        return "Apple's GPUs (mps) are"
    try:
        return "AMD's GPUs (ROCm) are" if "rocm" in version("torch") else ""
    except PackageNotFoundError:
        return ""


def used_mib() -> float:
    """MiB of this process's card that processes hold now; 0 where NVML does not say.

    Not what the driver keeps for itself, which CUDA does not count as a part of the card: 616 MiB of an H200.
    """
    import pynvml as nvml

    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return 0.0
    try:
        handle = nvml.nvmlDeviceGetHandleByUUID(own(logical=False).uuid)
        return float(nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2).used / MIB)
    except nvml.NVMLError:
        return 0.0
    finally:
        nvml.nvmlShutdown()
