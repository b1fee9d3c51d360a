"""torch's CUDA host code without a card: a CUDA runtime that runs no kernel, built here and loaded before torch.

Allocations and copies to and from the host are real; kernels, products and convolutions do nothing. So launches,
waits, memory (but for cuDNN's workspaces) and control flow are those of a card; numbers and times are not.

``STUB_DEVICES`` cards (1) of ``STUB_MEM_MB`` MiB (80000) and compute capability ``STUB_CC`` (90; a list gives each
card its own: below 75 a launch fails with error 209), under a driver of version ``STUB_DRIVER`` (13000; an older one
is insufficient). A file ``$STUB_BREAK.N`` breaks card N for the processes that see it.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).parent
RUNTIME = ("runtime.cpp", "memory.cpp", "libraries.cpp")
ROOT = Path(__file__).parents[3]


def build(folder: Path) -> Path:
    """Compile the stand-ins into ``folder``; a machine without a compiler fails here, and so do its tests."""
    common = ["g++", "-O1", "-shared", "-fPIC", "-w", "-std=c++17"]
    runtime = [str(SOURCES / name) for name in RUNTIME]
    subprocess.run([*common, *_headers(), *runtime, "-o", str(folder / "libcudastub.so")], check=True)
    for source, library in (("driver.cpp", "libcuda.so.1"), ("nvml.cpp", "libnvidia-ml.so.1")):
        named = f"-Wl,-soname,{library}"
        subprocess.run([*common, named, str(SOURCES / source), "-o", str(folder / library)], check=True)
    return folder


def _headers() -> list[str]:
    """Of the runtime, from the packages that torch's CUDA build brings."""
    folders = []
    for package, path in (("nvidia", "cu13/include"), ("triton", "backends/nvidia/include")):
        spec = importlib.util.find_spec(package)
        assert spec is not None, f"torch's CUDA build brings the package {package}"
        folders += [f"-I{Path(place) / path}" for place in spec.submodule_search_locations or ()]
    return folders


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Of a process that finds the stand-ins in ``folder``; settings such as ``STUB_DEVICES``."""
    before = os.environ.get("LD_LIBRARY_PATH")
    return {
        **{name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"},
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, [str(folder), before])),
        "LD_PRELOAD": str(folder / "libcudastub.so"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")]),
        **settings,
    }


def run(folder: Path, code: str, **settings: str) -> str:
    """What a Python process with the stand-ins prints.

    Raises:
        AssertionError: it fails; with its errors.
    """
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(folder, **settings), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
