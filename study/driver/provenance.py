"""What a study was run with: data, code, versions, machine. Stored in the ledger; a resume compares it."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitscape import __version__
from fitscape.study.plugins import installed

if TYPE_CHECKING:
    from fitscape.study.data import SealedData

PACKAGES = ("torch", "torchvision", "ray", "mlflow", "optuna", "numpy")
# What decides the numbers of a trial. A change elsewhere (a figure, a command) does not make trials incomparable.
TRIAL_CODE = (
    "models",
    "study/data",
    "study/training",
    "study/config",
    "study/records.py",
    "study/scheduling/ray_patches.py",
)


def provenance(data: "SealedData", weights: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """JSON. ``data_fingerprint``, ``chance_error``, ``data`` (summary), ``code``, ``versions``, ``machine``.

    Args:
        data: of the study.
        weights: what is known of those that trials start from, by name (``driver.starting_weights.record``); the key
            ``weights`` has it.
    """
    return {
        "weights": dict(weights or {}),
        "data_fingerprint": data.fingerprint,
        "chance_error": data.trial_data.chance_error(data.config.metric),
        "data": data.summary(),
        "code": code(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "machine": {
            "host": platform.node(),
            "platform": platform.platform(),
            "processor": _processor(),
            "cpus": os.cpu_count(),
        },
    }


def code() -> dict[str, str]:
    """``fitscape`` (version), ``trial_code`` (16 hexadecimal digits), ``torch``, ``commit`` (empty outside git).

    And where the study runs code of the user's ``own_code``: each of its files with a hash.
    """
    own = installed()
    return {
        "fitscape": __version__,
        "trial_code": trial_code(),
        "torch": _version("torch"),
        "commit": _commit(),
        **({"own_code": own.digest} if own else {}),
    }


def trial_code() -> str:
    """A hash of the source that a trial's numbers come from."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for part in TRIAL_CODE:
        path = root / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"{file.relative_to(root)}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    root = Path(__file__).parents[3]  # the checkout; the package has links to its folders
    if not (root / ".git").exists():
        return ""
    try:
        git = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(git, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
