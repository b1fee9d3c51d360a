"""What a study may have lost or doubled, looked for in the ledger, in MLflow's database and in the sampler."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import optuna

from benchmarks import machine
from fitscape.study.ledger import EventKind, Ledger
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.search.optuna_study import build_study
from fitscape.study.search.space import point_of, resolve
from fitscape.study.tracking import projection

RESULTS = Path(__file__).parents[1] / "results"
_RUNS = """
SELECT run_uuid, status,
       (SELECT value FROM tags WHERE tags.run_uuid = runs.run_uuid AND key = 'trial_id') AS trial_id
FROM runs JOIN tags USING (run_uuid)
WHERE key = 'study_uid' AND value = ? AND lifecycle_stage = 'active'
"""


def losses(folder: Path, ended: Mapping[str, TrialRecord], store: Path) -> dict[str, int]:
    """Everything that must be zero once a study is done.

    Args:
        folder: the study's.
        ended: trials that had ended at some time before, as they were then.
        store: MLflow's SQLite file, read as it is, without MLflow.
    """
    with Ledger.open(folder / "ledger.db", read_only=True) as ledger:
        trials = {trial.trial_id: trial for trial in ledger.trials()}
        config, uid, classes = ledger.config, ledger.uid, len(ledger.provenance["data"]["classes"])
        started_again, ends = _outbox(ledger)
    points = Counter(
        (trial.trial_id, key, record.epoch)
        for trial in trials.values()
        for record in trial.epochs
        for key in projection.metrics(record)
    )
    shipped, runs, states = _mlflow(store, uid)
    return {
        "trials lacking of the target": config.search.trials - len(trials),
        "trials without an end": sum(not trial.state.terminal for trial in trials.values()),
        "ended trials lost or changed": sum(repr(trials.get(i)) != repr(trial) for i, trial in ended.items()),
        "ended trials run again": started_again,
        "trials ended twice": sum(count != 1 for count in ends.values()),
        "epochs missing or out of order": sum(
            [record.epoch for record in trial.epochs] != list(range(1, len(trial.epochs) + 1))
            for trial in trials.values()
        ),
        "trials without or with several MLflow runs": sum(runs[i] != 1 for i in trials | runs.keys()),
        "MLflow runs without an end": sum(states[s] for s in ("RUNNING", "SCHEDULED")),
        "points missing in MLflow": (points - shipped).total(),
        "points doubled in MLflow": sum(count > 1 for count in shipped.values()),
        "points in MLflow that the ledger lacks": len(shipped.keys() - points.keys()),
        "trials that the sampler knows otherwise": _sampler_differs(list(trials.values()), resolve(config), classes),
    }


def report(name: str, rows: list[dict[str, Any]], lost: Mapping[str, float], **facts: Any) -> None:
    """Print faults tried, survived and lost, and keep it all in a dated file."""
    print(f"\n{'fault':<50}{'tried':>7}{'survived':>10}{'lost':>6}")
    for row in rows:
        print(f"{row['fault']:<50}{row['tried']:>7}{row['survived']:>10}{row['tried'] - row['survived']:>6}")
    for what, count in lost.items():
        print(f"  {what}: {count}")
    file = RESULTS / f"{name}-{date.today().isoformat()}.json"
    file.write_text(json.dumps({"machine": machine.facts(), "faults": rows, "lost": lost, **facts}, indent=1) + "\n")
    print(file)


def _outbox(ledger: Ledger) -> tuple[int, Counter[str]]:
    """How many trials were started after their end, and how often each trial ended."""
    ends: Counter[str] = Counter()
    again = 0
    for event in ledger.events(0, 10**9):
        if event.kind is EventKind.ENDED and event.trial_id:
            ends[event.trial_id] += 1
        if event.kind is EventKind.STARTED and event.trial_id and ends[event.trial_id]:
            again += 1
    return again, ends


def _mlflow(store: Path, uid: str) -> tuple[Counter[tuple[str, str, int]], Counter[str], Counter[str]]:
    """Rows of trials by (trial, metric, step); runs by trial; runs by status, the parent among them."""
    with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        runs = {run: (status, trial) for run, status, trial in connection.execute(_RUNS, (uid,))}
        rows = connection.execute("SELECT run_uuid, key, step FROM metrics").fetchall()
    points = Counter((runs[run][1], key, step) for run, key, step in rows if run in runs and runs[run][1])
    by_trial = Counter(trial for _, trial in runs.values() if trial)
    return points, by_trial, Counter(status for status, _ in runs.values())


def _sampler_differs(trials: list[TrialRecord], space: Mapping[str, Any], classes: int) -> int:
    """Trials of the space that the Optuna study, replayed as a driver does it, holds otherwise than the ledger."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    replayed = build_study(trials, dict(space), classes=classes).trials
    told: Counter[str] = Counter(trial.user_attrs["trial_id"] for trial in replayed)
    known = {trial.user_attrs["trial_id"]: trial for trial in replayed}
    wrong = 0
    for trial in trials:
        point, twin, last = point_of(trial.config, dict(space)), known.get(trial.trial_id), trial.last
        if point is None:
            continue
        if twin is None or told[trial.trial_id] != 1 or twin.params != point:
            wrong += 1
        elif trial.state in (TrialState.FINISHED, TrialState.STOPPED):
            wrong += last is None or twin.values != [last.train_error, last.val_error]
        else:
            wrong += twin.state is not optuna.trial.TrialState.FAIL
    return wrong
