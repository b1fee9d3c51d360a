"""A driver ended, or given an error, at each step in turn; then resumed, and compared with an undisturbed one.

``python -m benchmarks.drills.crash_points [--sample N] [--seed 0] [--only kill|errors]``. A study of three trials and
three epochs, with shared storage and an MLflow store of its own each time; what counts as a step, see ``points``. Every
try has a process of its own, forked from one that has loaded everything. ``make crashpoints`` tries all of them.
"""

import argparse
import hashlib
import multiprocessing
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from benchmarks.drills import small_driver
from benchmarks.drills.points import ERRORS, KILLED, Points
from benchmarks.drills.survival import losses, report
from fitscape.study.config import TrackingConfig
from fitscape.study.ledger import Ledger
from fitscape.study.tracking.client import Client
from fitscape.study.tracking.location import locate

FORK = multiprocessing.get_context("fork")
TRIES = 6  # resumes until a study must be done
WITHIN = 300.0  # seconds of one driver
DONE = 0


class Place(NamedTuple):
    """Where one try happens: a runs folder, a storage, and things of somebody else's beside them."""

    base: Path

    @property
    def root(self) -> Path:
        return self.base / "runs"

    @property
    def storage(self) -> str:
        return str(self.base / "storage")

    @property
    def folder(self) -> Path:
        return self.root / small_driver.config().name

    def foreign(self) -> str:
        """A digest of all that is not the study's."""
        digest = hashlib.sha256()
        for file in sorted(self.base.rglob("*")):
            if file.is_file() and "not-ours" in str(file):
                digest.update(f"{file.relative_to(self.base)}".encode() + file.read_bytes())
        return digest.hexdigest()


class Ended(NamedTuple):
    """How a driver ended, and the steps that it had come to."""

    code: int
    steps: list[str]
    said: str


def new_place(parent: Path, template: Path) -> Place:
    place = Place(Path(tempfile.mkdtemp(dir=parent)))
    for folder in (place.root / "not-ours", Path(place.storage) / "not-ours", place.base / "not-ours"):
        folder.mkdir(parents=True)
        (folder / "thesis.txt").write_text("years of work")
    shutil.copy(template, place.root / "mlflow.db")
    return place


def make_template(folder: Path) -> Path:
    """An MLflow store with its tables and the experiment, made once: it takes seconds."""

    def make() -> None:
        Client(locate(folder, TrackingConfig()))

    process = FORK.Process(target=make)
    process.start()
    process.join()
    return folder / "mlflow.db"


def drive(place: Place, at: int = 0, error: str | None = None) -> Ended:
    """One driver in a process of its own, disturbed at step ``at``."""
    log = place.base / "log.txt"

    def work() -> None:
        with log.open("w") as file:
            sys.stdout = sys.stderr = file
            points = Points(place.base, at, error)
            points.install()
            code = small_driver.drive(place.root, place.storage)
            (place.base / "steps.txt").write_text("\n".join(points.seen))
            file.flush()
            import os

            os._exit(code)

    (place.base / "steps.txt").unlink(missing_ok=True)
    process = FORK.Process(target=work)
    process.start()
    process.join(WITHIN)
    if process.is_alive():
        process.kill()
        process.join()
        return Ended(-1, [], f"it did not end in {WITHIN:g} s: {log.read_text()[-500:]}")
    steps = (place.base / "steps.txt").read_text().splitlines() if (place.base / "steps.txt").exists() else []
    return Ended(process.exitcode or 0, steps, log.read_text()[-2000:])


def outcome(place: Place) -> dict[str, Any]:
    """What a study came to, without what differs from driver to driver: who ran it, when, how often."""
    with Ledger.open(place.folder / "ledger.db", read_only=True) as ledger:
        uid = ledger.uid
        trials = {t.trial_id: (t.number, t.state.value, t.origin, t.size, repr(t.epochs)) for t in ledger.trials()}
    with closing(sqlite3.connect(f"{(place.root / 'mlflow.db').absolute().as_uri()}?mode=ro", uri=True)) as store:
        rows = """
            SELECT (SELECT value FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = 'trial_id'), r.status, r.run_uuid
            FROM runs r JOIN tags USING (run_uuid) WHERE key = 'study_uid' AND value = ? AND lifecycle_stage = 'active'
        """
        runs = {}
        for trial_id, status, run in store.execute(rows, (uid,)).fetchall():
            query = "SELECT key, value, timestamp, step FROM metrics WHERE run_uuid = ?"
            points = sorted(store.execute(query, (run,)).fetchall()) if trial_id else []  # totals: of each driver's end
            params = sorted(store.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run,)).fetchall())
            inputs = store.execute("SELECT count(*) FROM inputs WHERE destination_id = ?", (run,)).fetchone()
            runs[trial_id] = (status, points, params, inputs)
    files = sorted(p.name for p in (place.root / "mlartifacts").rglob("*") if p.is_file() and "ledger" not in p.name)
    left = sorted(p.relative_to(place.base).as_posix() for p in place.base.rglob("*.ckpt*"))
    return {"trials": trials, "mlflow": runs, "files": files, "checkpoints left": left}


def faults(place: Place, calm: dict[str, Any], foreign: str) -> list[str]:
    """Whatever is otherwise than after an undisturbed run, in words."""
    found = outcome(place)
    wrong = [f"{what} differ" for what, value in calm.items() if found[what] != value]
    lost = losses(place.folder, {}, place.root / "mlflow.db")
    wrong += [f"{what}: {count}" for what, count in lost.items() if count]
    return [*wrong, *([] if place.foreign() == foreign else ["something of somebody else's was touched"])]


def attempt(place: Place, at: int, error: str | None, calm: dict[str, Any]) -> tuple[bool, list[str]]:
    """Whether the step was come to, and what was lost by it."""
    foreign = place.foreign()
    first = drive(place, at, error)
    came_to = first.code == KILLED if error is None else len(first.steps) >= at or not first.steps
    ended = first
    for _ in range(TRIES):
        if ended.code == DONE and ended is not first:
            break
        ended = drive(place)  # after a success too: what an error kept from MLflow, a resume ships
    if ended.code != DONE:
        return came_to, [f"never done: exit {ended.code}: {ended.said[-300:]}"]
    return came_to, faults(place, calm, foreign)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, help="so many kills and as many errors; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("kill", "errors"))
    parser.add_argument("--minutes", type=float, default=600, help="no further try after so many")
    parser.add_argument("--unrecorded", action="store_true", help="leave no file in benchmarks/results")
    options = parser.parse_args()
    tried, lost, examples = explore(
        options.sample, options.seed, options.only, deadline=time.monotonic() + 60 * options.minutes
    )
    rows = [{"fault": what, "tried": count, "survived": count - lost[what]} for what, count in sorted(tried.items())]
    if options.unrecorded:
        print(rows)
        raise SystemExit(1 if lost else 0)
    report("crash_points", rows, {"tries with a loss": lost.total()}, seed=options.seed, losses=examples)
    raise SystemExit(1 if lost else 0)


def explore(
    sample: int | None, seed: int, only: str | None = None, *, deadline: float = float("inf")
) -> tuple[Counter[str], Counter[str], list[str]]:
    """Tries by kind of fault, those of them with a loss, and the losses in words."""
    small_driver.prepare_once()
    parent = Path(tempfile.mkdtemp(prefix="fitscape-drill-points-"))
    (parent / "template").mkdir()
    template = make_template(parent / "template")
    place = new_place(parent, template)
    first = drive(place)
    assert first.code == DONE, first.said
    assert drive(place).code == DONE
    calm = outcome(place)
    wrong = losses(place.folder, {}, place.root / "mlflow.db")
    assert not any(wrong.values()), f"the undisturbed run itself lacks something: {wrong}"
    plan: list[tuple[int, str | None]] = []
    if only != "errors":
        plan += [(at, None) for at in range(1, len(first.steps) + 1)]
    if only != "kill":
        for at, step in enumerate(first.steps, start=1):
            plan += [(at, error) for error in ERRORS[step.partition(" ")[0]]]
    if sample is not None:
        draw = random.Random(seed)
        kills, errors = [p for p in plan if p[1] is None], [p for p in plan if p[1] is not None]
        plan = draw.sample(kills, min(sample, len(kills))) + draw.sample(errors, min(sample, len(errors)))
        draw.shuffle(plan)
    print(f"{len(first.steps)} steps: {Counter(step.partition(' ')[0] for step in first.steps)}", flush=True)
    tried: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    examples = []
    began = time.monotonic()
    for done, (at, error) in enumerate(plan):
        if time.monotonic() > deadline:
            break
        if done and done % 25 == 0:
            left = (time.monotonic() - began) / done * (len(plan) - done)
            print(
                f"{done} of {len(plan)} tried, {lost.total()} with a loss; about {left / 60:.0f} min left", flush=True
            )
        place = new_place(parent, template)
        came_to, faults = attempt(place, at, error, calm)
        kind = first.steps[at - 1].partition(" ")[0]
        what = f"killed at a step of the {kind}" if error is None else f"{error} at a step of the {kind}"
        if not came_to:
            what = "the step was not come to this time"
        tried[what] += 1
        if faults:
            lost[what] += 1
            examples.append(f"{at} ({first.steps[at - 1]}), {error or 'killed'}: {'; '.join(faults)}")
            print(f"{examples[-1]} [{place.base}]", flush=True)
        else:
            shutil.rmtree(place.base)
    if not lost:
        shutil.rmtree(parent)
    return tried, lost, examples


if __name__ == "__main__":
    main()
