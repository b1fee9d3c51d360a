"""CPUs that a container may use: the quota of its control group, of either version."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def cpu_quota() -> float:
    """CPUs, possibly a fraction of one; infinite without a quota. The least of a group and those around it counts."""
    return min((quota for folder in _folders() if (quota := _quota(folder)) is not None), default=float("inf"))


def _folders() -> Iterator[Path]:
    """The folders of this process's groups and of those around them, as far as they can be seen from inside."""
    yield ROOT
    yield from (ROOT / "cpu", ROOT / "cpu,cpuacct")
    try:
        lines = MEMBERSHIP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = (ROOT / controllers if controllers else ROOT) / path.lstrip("/")
        yield from (folder for folder in (group, *group.parents) if ROOT in folder.parents)


def _quota(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()  # version 2
    except (OSError, ValueError):
        try:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        except OSError:
            return None
    if quota in ("max", "-1"):
        return None
    try:
        return int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
