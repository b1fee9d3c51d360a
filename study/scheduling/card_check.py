"""Run one kernel on the card that CUDA_VISIBLE_DEVICES names, and say as JSON what came of it.

``python -m fitscape.study.scheduling.card_check SECONDS`` is the process that `cards.check` starts for each card; one
that takes longer hangs. `kernel` is what a worker runs before its first trial.
"""

import faulthandler
import json
import sys

# The oldest driver of each CUDA release, by its major version (CUDA's release notes, table 3).
LEAST_DRIVER = {"11": "450", "12": "525", "13": "580"}
# Of a process on a card, beside what its allocator takes, where that was not measured: an H200's 834 MiB, rounded up
# (benchmarks/results/gpu-nvidia-h200-2026-11-26.txt, card_mib less reserved_mib).
CONTEXT_BYTES = 850 * 2**20
OTHER_MAKERS = "only NVIDIA cards are supported; set resources.gpus_per_trial=0 to train on the CPU"


def look() -> dict[str, str]:
    """``capability``, ``fault`` and ``fix`` of the first visible card."""
    import torch

    if torch.version.hip is not None:
        return _fault("torch is built for ROCm", OTHER_MAKERS)
    if torch.version.cuda is None:
        return _fault("torch is built without CUDA", "install a CUDA build of torch there")
    try:
        capability = torch.cuda.get_device_capability()
    except Exception as error:  # noqa: BLE001  (whatever torch raises, the card cannot be used)
        return _no_device(str(error), torch.version.cuda)
    text = f"{capability[0]}.{capability[1]}"
    if not supported(capability, torch.cuda.get_arch_list()):
        have = ", ".join(architecture.removeprefix("sm_") for architecture in torch.cuda.get_arch_list())
        fix = "leave the card out, or install a torch that is built for it"
        return _fault(f"torch has no kernels for compute capability {text}, it has {have}", fix, text)
    try:
        kernel()
    except Exception as error:  # noqa: BLE001
        problem = first_line(error)
        if is_full(error):  # other programs fill it: that may pass, and says nothing against the card
            return {"capability": text, "fault": "", "fix": f"it is full now: {problem}"}
        return _fault(f"runs no kernel: {problem}", "look at it with nvidia-smi; a restart may help", text)
    return {"capability": text, "fault": "", "fix": ""}


def card_fault() -> str:
    """What is wrong with the card of this process; empty where it runs a kernel."""
    return look()["fault"]


def no_fault() -> str:
    """``card_fault`` where GPUs are numbers."""
    return ""


def kernel() -> None:
    """One product on the current card, whose result comes back to the host; raises what CUDA raises."""
    import torch

    ones = torch.ones(64, 64, device="cuda")
    (ones @ ones).sum().item()


def keep_to(share: float, context: int = CONTEXT_BYTES) -> None:
    """Let this process's allocator take ``share`` of its card and no more, the context of the process counted in.

    What a trial does must not depend on its neighbours: beyond its share it runs out of memory, they do not.

    Args:
        share: of a card.
        context: bytes that the process takes beside its allocator.
    """
    import torch

    if share < 1:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(fraction(share, total, context))


def fraction(share: float, total: float, context: float) -> float:
    """The part of a card of ``total`` bytes that the allocator of a process with this share of it may take."""
    return max(share / 2, share - context / total)


def supported(capability: tuple[int, int], architectures: list[str]) -> bool:
    """Whether a build has kernels for a card: of its own major version and no newer minor one, or PTX."""
    major, minor = capability
    for name in architectures:
        kind, _, digits = name.partition("_")
        number = int("".join(filter(str.isdecimal, digits)) or 0)
        of = number // 10, number % 10
        exact = name[-1].isalpha()  # sm_90a: for that one card, and no newer one
        if (kind == "sm" and of[0] == major and (of[1] == minor if exact else of[1] <= minor)) or (
            kind == "compute" and not exact and of <= capability
        ):
            return True
    return False


def is_full(error: BaseException) -> bool:
    """Whether a card has no memory left, for the context of a process too."""
    text = str(error)
    return "OutOfMemory" in type(error).__name__ or "out of memory" in text or "ALLOC_FAILED" in text


def first_line(error: BaseException) -> str:
    """Of torch's long texts, what matters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _no_device(error: str, cuda: str) -> dict[str, str]:
    if "driver" in error and ("too old" in error or "insufficient" in error):
        least = LEAST_DRIVER.get(cuda.partition(".")[0], "a newer one")
        fix = f"install NVIDIA's driver {least} or newer, or a torch that is built for an older CUDA"
        return _fault(f"its driver is too old for torch's CUDA {cuda}", fix)
    if "out of memory" in error:
        return {"capability": "", "fault": "", "fix": "it is full now: a process cannot even begin on it"}
    line = (error.strip().splitlines() or ["torch finds no CUDA device"])[0][:200]
    return _fault(f"torch cannot use it: {line}", "look at it with nvidia-smi; a restart may help")


def _fault(fault: str, fix: str, capability: str = "") -> dict[str, str]:
    return {"capability": capability, "fault": fault, "fix": fix}


if __name__ == "__main__":
    import torch  # noqa: F401  (how long that takes says nothing of the card)

    faulthandler.dump_traceback_later(float(sys.argv[1]), exit=True)
    print(json.dumps(look()))
