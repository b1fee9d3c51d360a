"""Memory that each further worker of a node adds: is there a second copy of the data set in it?

    python -m benchmarks.worker_memory [--workers 4]

Fashion-MNIST, whole and a tenth of it, each with 1 worker and with several that train at the same time: the sum over
the workers of their proportional set size (/proc/PID/smaps_rollup, proc(5): a page that n processes share counts as
1/n in each). What a further worker holds for itself (``Pss_Anon``) with all images, less what it holds with a tenth of
them, is its own part of the data: 1 would be a copy, 0 is none. The shared part (``Pss_Shmem``, which Ray's object
store has mapped as well) must stay below one data set, however many the workers. About 2 minutes.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.plain_loop import fashion_mnist
from benchmarks.record import keep
from fitscape.study.config import DataConfig, StudyConfig, TrialConfig
from fitscape.study.data import TrialData, load
from fitscape.study.ledger import Ledger
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Request
from fitscape.study.scheduling.run_trials import run_trials
from fitscape.study.training import Progress, Settings

WHOLE, TENTH = 70_000, 7_000  # images
TOGETHER_WITHIN = 120.0  # seconds until all workers are in their first trial


def measured(folder: Path, workers: int) -> Callable[..., Iterator[Progress]]:
    """Trials that wait for each other before their first step and then write down their process's memory.

    Everything of the trial is there by then. Later on, what the C library keeps of the activations drowns the data.
    """

    def run(config: TrialConfig, data: TrialData, **given: Any) -> Iterator[Progress]:
        from fitscape.study.training import run_trial

        trial = run_trial(config, data, **given)
        data.train_images.amax(), data.val_images.amax()  # every page is mapped now
        (folder / f"{config.trial_id}.here").touch()
        deadline = time.monotonic() + TOGETHER_WITHIN
        while len(list(folder.glob("*.here"))) < workers and time.monotonic() < deadline:
            time.sleep(0.05)
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        (folder / f"{config.trial_id}.json").write_text(json.dumps(kib))
        time.sleep(1)  # the others read theirs before this process can end
        yield from trial

    return run


def memory(cluster: Cluster, data: TrialData, workers: int) -> dict[str, float]:
    """MiB of all workers together, by kind."""
    config = StudyConfig.model_validate(
        {
            "name": "memory",
            "base": {"model": {"width": 0.125}, "optimization": {"epochs": 1, "steps_per_epoch": 2}},
            "space": {"lr": {"low": 0.01, "high": 0.1}},
            "search": {"trials": workers},
            "resources": {"max_concurrent": workers},
        }
    )
    with tempfile.TemporaryDirectory(prefix="fitscape-memory-") as name:
        folder = Path(name)
        with Ledger.create(folder / "ledger.db", config, {}) as ledger:
            run_trials(
                config,
                ledger,
                data,
                cluster=cluster,
                request=Request(1, 0),
                settings=Settings(),
                checkpoints=CheckpointStore(str(folder / "checkpoints")),
                interruption=Interruption(),
                run=measured(folder, workers),
            )
        each = [json.loads(file.read_text()) for file in folder.glob("*.json")]
    assert len(each) == workers, "a trial failed"
    return {kind: sum(one[kind] for one in each) / 1024 for kind in ("Pss", "Pss_Anon", "Pss_Shmem")}


def size_mib(data: TrialData) -> float:
    return sum(array.nbytes for array in data.to_arrays().values() if hasattr(array, "nbytes")) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--dry", action="store_true", help="print only")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="fitscape-data-") as root, Cluster(cpus=arguments.workers) as cluster:
        fashion_mnist(Path(root))
        for images in (WHOLE, TENTH):
            data = load(DataConfig(dataset="fashion_mnist", root=root, limit=images)).trial_data
            one, several = (memory(cluster, data, workers) for workers in (1, arguments.workers))
            added = {kind: (several[kind] - one[kind]) / (arguments.workers - 1) for kind in one}
            found[str(images)] = {"data_mib": size_mib(data), "one": one, "several": several, "added": added}
    whole, tenth = found[str(WHOLE)], found[str(TENTH)]
    more = whole["added"]["Pss_Anon"] - tenth["added"]["Pss_Anon"]
    found["copies"] = more / (whole["data_mib"] - tenth["data_mib"])
    found["shared"] = whole["several"]["Pss_Shmem"] / whole["data_mib"]
    print(json.dumps(found, indent=1))
    print(f"a further worker holds {found['copies']:.2f} of the data set for itself, goal 0")
    print(f"{arguments.workers} workers share {found['shared']:.2f} data sets, goal at most 1")
    if not arguments.dry:
        keep("worker_memory", {"arguments": vars(arguments), **found}, lambda axes: plot(found, axes))


def plot(found: dict[str, Any], axes: Any) -> None:
    names = {f"{images:,} images": found[str(images)] for images in (WHOLE, TENTH)}
    for i, of_data in enumerate(names.values()):
        for workers, offset in (("one", -0.2), ("several", 0.2)):
            left = 0.0
            for kind, colour in (("Pss_Shmem", "tab:orange"), ("Pss_Anon", "tab:blue")):
                axes.barh(i + offset, of_data[workers][kind], 0.35, left=left, color=colour)
                left += of_data[workers][kind]
    axes.set_yticks(range(len(names)), list(names))
    axes.set_xlabel("memory of one worker (below) and of several: shared orange, their own blue [MiB]")


if __name__ == "__main__":
    main()
