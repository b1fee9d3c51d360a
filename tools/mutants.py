"""Change one place of the code at a time, and see whether a test fails: `make mutants`.

cosmic-ray makes the mutants, of the rooms below; each is tried with the tests that mirror its module, in a copy of the
last commit below .mutants/. A run that was ended goes on where it was; `--fresh` begins anew. Whoever survives is
listed with its change: a test is missing, or the change changes nothing.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkItem

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".mutants"
ROOMS = {  # a folder or file -> its tests
    "study/regimes": "tests/regimes",
    "study/maps": "tests/maps",
    "study/search": "tests/search",
    "study/findings": "tests/findings",
    "study/ledger": "tests/ledger",
    "study/data/splits.py": "tests/data",
    "study/report/wording.py": "tests/report",
    "study/scheduling/checkpoints.py": "tests/scheduling",
    "study/tracking/projection.py": "tests/tracking",
    "study/driver/resume_checks.py": "tests/driver",
}


def copied(tree: Path) -> None:
    """The last commit, with the package's links in it."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    archive = tree.with_suffix(".tar")
    subprocess.run(["git", "-C", ROOT, "archive", "--output", archive, "HEAD"], check=True)
    with tarfile.open(archive) as files:
        files.extractall(tree, filter="tar")
    archive.unlink()


def modules() -> list[Path]:
    """Relative to the root, sorted."""
    found = [
        file for room in ROOMS for file in ((ROOT / room).rglob("*.py") if (ROOT / room).is_dir() else [ROOT / room])
    ]
    return sorted(file.relative_to(ROOT) for file in found if file.name != "__init__.py")


def tests_of(module: Path) -> list[str]:
    """The file that mirrors the module first, then the room's others: most mutants die at once."""
    folder = next(tests for room, tests in ROOMS.items() if module.is_relative_to(room))
    mirror = f"{folder}/test_{module.stem}.py"
    return [mirror, folder] if (ROOT / mirror).is_file() and module.is_relative_to("study") else [folder]


def drawn(session: WorkDB, sample: int, seed: int) -> None:
    """Put a sample of all mutants into the session."""
    init(modules(), session, {})
    every = sorted(session.work_items, key=lambda item: str(item.mutations))
    session.clear()
    session.add_work_items(random.Random(seed).sample(every, min(sample, len(every))))
    print(f"{len(every):,} mutants, of which {min(sample, len(every))} are drawn")


def attempt(session: WorkDB, item: WorkItem, seconds: float) -> None:
    (mutation,) = item.mutations
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        *tests_of(Path(mutation.module_path)),
    ]
    result = mutate_and_test(item.mutations, " ".join(command), seconds)
    session.set_result(item.job_id, result)
    where = f"{mutation.module_path}:{mutation.start_pos[0]} {mutation.operator_name.removeprefix('core/')}"
    print(f"{result.test_outcome and result.test_outcome.value:<12} {where}", flush=True)


def told(session: WorkDB) -> int:
    """Print counts by room and whoever survived; the number of survivors."""
    module_of = {item.job_id: item.mutations[0].module_path for item in session.work_items}
    counts: Counter[tuple[str, str]] = Counter()
    survivors = []
    for job, result in session.results:
        room = next(room for room in ROOMS if Path(module_of[job]).is_relative_to(room))
        outcome = result.test_outcome.value if result.test_outcome else result.worker_outcome.value
        counts[room, "timeout" if result.output == "timeout" else outcome] += 1
        if result.test_outcome is TestOutcome.SURVIVED:
            survivors.append(result.diff or module_of[job])
    for (room, outcome), count in sorted(counts.items()):
        print(f"{room:<36} {outcome:<12} {count:>4}")
    tried = sum(counts.values())
    print(f"{tried - len(survivors)} of {tried} were noticed")
    (PLACE / "survivors.txt").write_text("\n".join(survivors))
    if survivors:
        print(f"{len(survivors)} survived: {PLACE / 'survivors.txt'}")
    return len(survivors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60, help="of one mutant's tests; beyond, it counts as noticed")
    parser.add_argument("--minutes", type=float, default=600, help="then the next run goes on")
    parser.add_argument("--fresh", action="store_true", help="begin anew, from the last commit")
    options = parser.parse_args()
    file, tree = PLACE / f"session-{options.seed}-{options.sample}.sqlite", PLACE / "tree"
    if options.fresh:
        file.unlink(missing_ok=True)
    new = not file.exists()
    if new or not tree.exists():
        copied(tree)
    os.chdir(tree)
    os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    end = time.monotonic() + 60 * options.minutes
    with use_db(str(file), WorkDB.Mode.create if new else WorkDB.Mode.open) as session:
        if new:
            drawn(session, options.sample, options.seed)
        for item in list(session.pending_work_items):
            if time.monotonic() > end:
                break
            attempt(session, item, options.seconds)
        raise SystemExit(1 if told(session) else 0)


if __name__ == "__main__":
    main()
