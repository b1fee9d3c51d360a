"""Change one place of the code at a time, and see whether a test fails: `make mutants`.

cosmic-ray makes the mutants, of the rooms below; each is tried in a copy of the last commit below .mutants/, with the
tests that enter its function: first those of the file that mirrors its module. A run that was ended goes on where it
was; `--fresh` begins anew. Whoever survives is listed with its change: a test is missing, or the change changes
nothing.
"""

import argparse
import ast
import os
import random
import re
import shutil
import signal
import subprocess
import tarfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult

from tools.covering_tests import CleanRuns, forked, preload, tried

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".mutants"
TREE, COMMIT = PLACE / "tree", PLACE / "commit.tar"
ROOMS = {  # a folder or file -> its tests
    "study/data/splits.py": ["tests/data/test_splits.py", "tests/data/test_given_split.py"],
    "study/data/sealed.py": [
        "tests/data/test_sealed.py",
        "tests/data/test_image_folder.py",
        "tests/data/test_decidable.py",
    ],
    "study/report/wording.py": ["tests/report/test_wording.py", "tests/findings/test_sentences.py"],
    "study/scheduling/checkpoints.py": [
        "tests/scheduling/test_checkpoints.py",
        "tests/scheduling/test_storage_away.py",
    ],
    "study/tracking/projection.py": ["tests/tracking/test_projection.py", "tests/tracking/test_shipper.py"],
    "study/driver/resume_checks.py": ["tests/driver/test_resume_checks.py", "tests/driver/test_measured_settings.py"],
    "study/ledger": ["tests/ledger"],
    "study/search": ["tests/search"],
    "study/maps": ["tests/maps"],
    "study/regimes": ["tests/regimes"],
    "study/findings": ["tests/findings"],
    "study/tracking/session.py": ["tests/tracking/test_shipper.py"],
}
SO_FAR = "so far"
OF_EACH = 6  # mutants of each room at least, where it has as many


def copied(fresh: bool) -> None:
    """The commit that the run began with, and the package's links in it: as it was before any mutant."""
    if fresh or not COMMIT.exists():
        shutil.rmtree(PLACE, ignore_errors=True)
        (PLACE / "clean").mkdir(parents=True)
        subprocess.run(["git", "-C", ROOT, "archive", "--output", COMMIT, "HEAD"], check=True)
    with tarfile.open(COMMIT) as files:
        files.extractall(TREE, filter="tar")


def modules() -> list[Path]:
    """Relative to the root, sorted."""
    found = [
        file for room in ROOMS for file in ((ROOT / room).rglob("*.py") if (ROOT / room).is_dir() else [ROOT / room])
    ]
    return sorted(file.relative_to(ROOT) for file in found if file.name != "__init__.py")


def room_of(module: Path) -> str:
    return next(room for room in ROOMS if module.is_relative_to(room))


def _in_turn(item: WorkItem) -> tuple[int, str]:
    """Room by room, so that the tests of one are run on unchanged code only when its first mutant comes."""
    (mutation,) = item.mutations
    return list(ROOMS).index(room_of(mutation.module_path)), str(mutation)


def _to_do(session: WorkDB) -> Iterator[tuple[WorkItem, list[str], str]]:
    """Every mutant with the tests that mirror its module; then those that these let live with the room's others."""
    for item in sorted(session.pending_work_items, key=_in_turn):
        mirrors, others = files_of(item.mutations[0].module_path)
        yield item, mirrors, SO_FAR if others else ""
    known = dict(session.results)
    for item in sorted(session.work_items, key=_in_turn):
        _, others = files_of(item.mutations[0].module_path)
        result = known.get(item.job_id)
        if result is None or (result.output or "").endswith(SO_FAR):
            yield item, others, ""


def files_of(module: Path) -> tuple[list[str], list[str]]:
    """The files of tests that mirror the module, and the others of its room."""
    found = []
    for tests in ROOMS[room_of(module)]:
        found += sorted((TREE / tests).rglob("test_*.py")) if (TREE / tests).is_dir() else [TREE / tests]
    mirrors = [file for file in found if file.stem.startswith(f"test_{module.stem.removesuffix('s')}")]
    others = [file for file in found if file not in mirrors]
    return [str(file.relative_to(TREE)) for file in mirrors], [str(file.relative_to(TREE)) for file in others]


ARITHMETIC = {"Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"}


def _shows_something(mutation: MutationSpec, annotations: dict[Path, list[ast.expr]]) -> bool:
    """Not a changed annotation, which no test can see, nor `x >> 2` for `x + 2`, which fails wherever it is run."""
    kind, *swap = mutation.operator_name.removeprefix("core/").split("_")
    if kind == "ReplaceBinaryOperator" and (swap[0] in ARITHMETIC) != (swap[1] in ARITHMETIC):
        return False
    return not any(
        (note.lineno, note.col_offset) <= mutation.start_pos < (note.end_lineno or 0, note.end_col_offset or 0)
        for note in annotations[mutation.module_path]
    )


def _annotations(module: Path) -> list[ast.expr]:
    nodes = list(ast.walk(ast.parse((TREE / module).read_text())))
    found = [getattr(node, name, None) for node in nodes for name in ("annotation", "returns")]
    return [note for note in found if note is not None]


def drawn(session: WorkDB, sample: int, seed: int) -> None:
    """Put a sample of all mutants into the session: some of each room, the others at random from all."""
    init(modules(), session, {})
    annotations = {module: _annotations(module) for module in modules()}
    every = [item for item in session.work_items if _shows_something(item.mutations[0], annotations)]
    every.sort(key=lambda item: str(item.mutations))
    random.Random(seed).shuffle(every)
    by_room: defaultdict[str, list[WorkItem]] = defaultdict(list)
    for item in every:
        by_room[room_of(item.mutations[0].module_path)].append(item)
    first = [item for items in by_room.values() for item in items[:OF_EACH]]
    rest = [item for items in by_room.values() for item in items[OF_EACH:]]
    chosen = first + random.Random(seed).sample(rest, max(0, min(sample - len(first), len(rest))))
    session.clear()
    session.add_work_items(chosen)
    print(f"{len(every):,} mutants, of which {len(chosen)} are drawn")


def attempt(item: WorkItem, clean: CleanRuns, files: list[str], so_far: str) -> WorkResult:
    """Killed: a test failed, or it ran endlessly. Incompetent: the limit by the clock came, and nothing is known."""
    (mutation,) = item.mutations
    lines = range(mutation.start_pos[0], mutation.end_pos[0] + 1)
    tests, seconds = clean.covering(mutation.module_path, lines, files)
    operator = get_operator(mutation.operator_name)(**mutation.operator_args)
    with use_mutation(mutation.module_path, operator, mutation.occurrence) as (before, after):
        change = "\n".join(unified_diff(before.split("\n"), after.split("\n"), str(mutation.module_path), "", n=1))
        if not _is_program(after):
            return WorkResult(WorkerOutcome.SKIPPED, "no program", None, change)
        log = PLACE / "last.log"
        code = forked(lambda: tried(tests, TREE), log, seconds, 10 * seconds) if tests else 0
    if code is None:
        outcome, said = TestOutcome.INCOMPETENT, "undecided: out of time by the clock"
    elif code == 0 or code == 5:
        outcome, said = TestOutcome.SURVIVED, f"survived {len(tests)} tests {so_far}".rstrip()
    else:
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", log.read_text(errors="replace"), re.MULTILINE)
        outcome = TestOutcome.KILLED
        said = "endless" if code == -signal.SIGXCPU else (failed or [f"exit code {code}"])[0]
    return WorkResult(WorkerOutcome.NORMAL, said, outcome, change)


def _is_program(code: str) -> bool:
    """Python takes it without a warning, which every test would fail on: not `1 is not x`, for one."""
    with warnings.catch_warnings(action="error"):
        try:
            compile(code, "mutant", "exec")
        except (SyntaxError, SyntaxWarning):
            return False
    return True


def summary(session: WorkDB) -> int:
    """Print counts by room and whoever survived; the number of survivors."""
    of = {item.job_id: item.mutations[0] for item in session.work_items}
    counts: Counter[tuple[str, str]] = Counter()
    results = [(job, result) for job, result in session.results if result.worker_outcome is not WorkerOutcome.SKIPPED]
    for job, result in results:
        kind = "endless" if result.output == "endless" else (result.test_outcome or TestOutcome.INCOMPETENT).value
        counts[room_of(of[job].module_path), {"incompetent": "undecided"}.get(kind, kind)] += 1
    kinds = ("killed", "endless", "survived", "undecided")
    print(f"{'':<34}" + "".join(f"{kind:>11}" for kind in kinds))
    for room in ROOMS:
        print(f"{room:<34}" + "".join(f"{counts[room, kind]:>11}" for kind in kinds))
    total = {kind: sum(counts[room, kind] for room in ROOMS) for kind in kinds}
    print(f"{'all':<34}" + "".join(f"{total[kind]:>11}" for kind in kinds))
    print(f"{total['killed'] + total['endless']} of {sum(total.values())} were noticed")
    left = [result for _, result in results if result.test_outcome is not TestOutcome.KILLED]
    (PLACE / "survivors.txt").write_text("\n\n".join(f"{result.output}\n{result.diff}" for result in left))
    if left:
        print(f"The others: {PLACE / 'survivors.txt'}")
    return len(left)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60, help="of processor time of one mutant's tests")
    parser.add_argument("--minutes", type=float, default=600, help="then the next run goes on")
    parser.add_argument("--fresh", action="store_true", help="begin anew, from the last commit")
    options = parser.parse_args()
    file = PLACE / f"session-{options.seed}-{options.sample}.sqlite"
    copied(options.fresh)
    os.chdir(TREE)
    os.environ |= {"PYTHONPATH": str(TREE), "OMP_NUM_THREADS": "1", "CI": "1"}  # CI: the same examples each time
    preload()
    clean = CleanRuns(TREE, PLACE / "clean", options.seconds)
    end = time.monotonic() + 60 * options.minutes
    new = not file.exists()
    with use_db(str(file), WorkDB.Mode.create if new else WorkDB.Mode.open) as session:
        if new:
            drawn(session, options.sample, options.seed)
        for item, files, so_far in _to_do(session):
            if time.monotonic() > end:
                break
            if files:
                result = attempt(item, clean, files, so_far)
                session.set_result(item.job_id, result)
                (mutation,) = item.mutations
                where = f"{mutation.module_path}:{mutation.start_pos[0]} {mutation.operator_name.removeprefix('core/')}"
                outcome = result.test_outcome.value if result.test_outcome else "skipped"
                print(f"{outcome:<12} {where}: {result.output}", flush=True)
        raise SystemExit(1 if summary(session) else 0)


if __name__ == "__main__":
    main()
