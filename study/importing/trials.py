"""Runs as trials: error rates in place of what was logged, hyperparameters by their own names, one trial a run."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from fitscape.models.spec import READ, ModelSpec
from fitscape.study.config import Hyperparameter, TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.importing.hyperparameters import Parameter, parameters
from fitscape.study.importing.keys import Keys
from fitscape.study.importing.names import EXPORTED
from fitscape.study.importing.runs import Run, Runs, as_number, broken, finite
from fitscape.study.importing.units import RateConversion, Unit, recognized
from fitscape.study.measures.halves import drawn_halves
from fitscape.study.records import CLEAN, EpochRecord, TrialRecord, TrialState

ORIGIN: Final = "read"
ASSUMED_IMAGES: Final = 1000  # validation images where nobody says how many there were: intervals are wide then
THE_NET: Final = "the network"  # its name where the runs do not say
UNKNOWN: Final = math.nan  # of a number that nobody logged
LARGEST_SEED: Final = 2**31 - 1
_ENDS: Final = {"failed": TrialState.FAILED, "stopped": TrialState.STOPPED, "diverged": TrialState.DIVERGED}


@dataclass(frozen=True)
class Assembled:
    """The trials of one reading, and what there is to say about it."""

    trials: list[TrialRecord]
    base: TrialConfig
    space: dict[str, Hyperparameter]
    train_n: int  # images of the first trial
    val_n: int
    notes: list[str] = field(default_factory=list)  # what was assumed and left out


def assembled(runs: Runs, keys: Keys, unit: Unit | None = None) -> Assembled:
    """Every run that tells both errors, or how it failed.

    Raises:
        UserError: the numbers are no rates, a count is no number of images, or no run tells both errors.
    """
    values = {k: [v for r in runs.runs for row in r.rows if (v := as_number(row.get(k))) is not None]
              for k in (keys.train, keys.val)}  # fmt: skip
    rates = {
        key: recognized(key, values[key], option, unit)
        for key, option in ((keys.train, "--train"), (keys.val, "--val"))
    }
    told, notes = _usable(runs, keys)
    found, more = parameters(told, keys.params or (), runs.hints)
    notes += [*runs.notes, *more, *_assumed(keys)]
    base = _config(found, None, keys, 0)
    seeds: dict[str, set[int]] = {}
    trials: list[TrialRecord] = []
    for run in told:
        config = _config(found, run, keys, 0)
        config = config.with_hyperparameters({"seed": _seed(run, keys, seeds.setdefault(config.group_id, set()))})
        trials.append(_trial(len(trials), run, config, _epochs(run, keys, rates, config.trial_id)))
    last = next((trial.last for trial in trials if trial.last is not None), None)
    return Assembled(
        trials,
        base,
        {one.name: one.searched for one in found if one.searched is not None},
        last.train_n if last else 0,
        last.val_n if last else 0,
        notes,
    )


def _usable(runs: Runs, keys: Keys) -> tuple[list[Run], list[str]]:
    """Runs with both errors, and those that failed without; a note for the others."""
    left: Counter[str] = Counter()
    kept = []
    for run in runs.runs:
        complete = any(_tells(row, keys) for row in run.rows)
        if run.state in ("running", "pending"):
            left["had not ended"] += 1
        elif complete or run.state in ("failed", "diverged"):
            kept.append(run)
        else:
            left[f"lack {keys.train} or {keys.val} (of a run that diverged, write 'nan')"] += 1
    notes = [f"{count} runs are left out: they {why}" for why, count in left.items()]
    if not any(_tells(row, keys) for run in kept for row in run.rows):
        what = f"no run has both '{keys.train}' and '{keys.val}'"
        raise UserError(
            f"{what}{f' ({notes[0]})' if notes else ''}", where=runs.where, fix="name others: --train, --val"
        )
    return kept, notes


def _tells(row: Mapping[str, Any], keys: Keys) -> bool:
    """Whether it holds both errors, or one that is no finite number: that run diverged, whatever the other was."""
    logged = [row.get(keys.train), row.get(keys.val)]
    return all(as_number(value) is not None for value in logged) or any(map(broken, logged))


def _assumed(keys: Keys) -> Iterator[str]:
    if keys.val_n is None:
        yield f"assumed: {ASSUMED_IMAGES:,} validation images (--val-n says how many there were)"
    if keys.train_n is None:
        yield "assumed: as many training images behind a training error as there are validation images (--train-n)"
    if keys.train.startswith(CLEAN):
        yield "fitscape.log_clean_errors measured the training error, as validation"
    else:
        yield "assumed: the training error is that of the final weights, measured as validation is"
    yield "the two halves of validation, one to choose and one to judge by, are drawn from its counts of errors"


def _config(found: Sequence[Parameter], run: Run | None, keys: Keys, seed: int) -> TrialConfig:
    """The trial of a run; of none, the base with the defaults."""
    theirs = {one.name: one.default if run is None else one.value(run.params.get(one.key)) for one in found}
    net = next((theirs[one.name] for one in found if one.key == keys.net), None)
    return TrialConfig(model=ModelSpec(family=f"{READ}{net or THE_NET}"), theirs=theirs, seed=seed)


def _seed(run: Run, keys: Keys, taken: set[int]) -> int:
    """The run's own seed if no replicate has it, else the next that is free."""
    given = finite(run.params.get(keys.seed)) if keys.seed else None
    seed = int(given) if given is not None and 0 <= given <= LARGEST_SEED and given == int(given) else 0
    while seed in taken:
        seed += 1
    taken.add(seed)
    return seed


def _trial(number: int, run: Run, config: TrialConfig, epochs: tuple[EpochRecord, ...]) -> TrialRecord:
    broken = bool(epochs) and not np.isfinite([epochs[-1].train_error, epochs[-1].val_error]).all()
    state = TrialState.DIVERGED if broken else _ENDS.get(run.state, TrialState.FINISHED)
    return TrialRecord(
        number=number,
        trial_id=config.trial_id,
        config=config,
        hyperparameters={**config.theirs, "seed": config.seed},
        origin=ORIGIN,
        state=state,
        attempts=1,
        epochs=epochs,
        message="it failed where it ran" if state is TrialState.FAILED else "",
        started_at=run.started,
        ended_at=run.ended,
        extra={"run": run.name},
    )


def _epochs(run: Run, keys: Keys, rates: Mapping[str, RateConversion], trial_id: str) -> tuple[EpochRecord, ...]:
    """A record for each row that tells both errors."""
    rows = [row for row in run.rows if _tells(row, keys)]
    numbers = [finite(row.get(keys.epoch)) if keys.epoch else None for row in rows]
    counted = [int(n) for n in numbers if n is not None and n == int(n) and n >= 0]
    rising = len(counted) == len(rows) and all(a < b for a, b in itertools.pairwise(counted))
    first = 1 if rising and counted and counted[0] == 0 else 0
    seconds = (run.ended - run.started) / len(rows) if rows and run.started and run.ended else UNKNOWN
    rng = np.random.default_rng(int(trial_id, 16))
    return tuple(
        _record(row, run, keys, rates, counted[i] + first if rising else i + 1, seconds, rng)
        for i, row in enumerate(rows)
    )


def _record(
    row: Mapping[str, Any],
    run: Run,
    keys: Keys,
    rates: Mapping[str, RateConversion],
    epoch: int,
    seconds: float,
    rng: np.random.Generator,
) -> EpochRecord:
    logged = {key: as_number(row.get(key)) for key in (keys.train, keys.val)}
    train, val = (rates[key].error(math.nan if number is None else number) for key, number in logged.items())
    val_n = _images(row, run, keys.val_n, "--val-n") or ASSUMED_IMAGES
    train_n = _images(row, run, keys.train_n, "--train-n") or val_n
    ours = row if row.keys() >= EXPORTED else {}  # an export of ours has the halves and the flipped labels
    a, b = (finite(ours.get(f"val_error_{half}")) for half in "ab")
    if a is None or b is None:
        a, b = drawn_halves(val, (val_n - val_n // 2, val_n // 2), rng)
    return EpochRecord(
        epoch=epoch,
        step=epoch,
        time=run.ended or 0.0,
        train_loss=finite(ours.get("train_loss")),
        train_error=train,
        val_loss=finite(ours.get("val_loss")),
        val_error=val,
        train_n=train_n,
        val_n=val_n,
        val_loss_a=UNKNOWN,
        val_loss_b=UNKNOWN,
        val_error_a=a,
        val_error_b=b,
        batch_loss=UNKNOWN,
        learning_rate=UNKNOWN,
        train_seconds=seconds,
        eval_seconds=0.0,
        images_per_second=UNKNOWN,
        peak_memory_mib=UNKNOWN,
        flipped_n=int(finite(ours.get("flipped_n")) or 0),
    )


def _images(row: Mapping[str, Any], run: Run, count: int | str | None, option: str) -> int | None:
    if not isinstance(count, str):
        return count
    given = finite(row.get(count, run.params.get(count)))
    if given is not None and given < 1:
        raise UserError(f"'{count}' is {given:g} in the run {run.name}", where=option, fix="give a number of images")
    return None if given is None else round(given)
