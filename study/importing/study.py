"""A study made of runs that exist: a ledger without a runner."""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from fitscape.study.config import DataConfig, RegimeThresholds, SearchConfig, StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.files import CONFIG, LEDGER, write_whole
from fitscape.study.importing.keys import Keys
from fitscape.study.importing.names import bare
from fitscape.study.importing.runs import Runs
from fitscape.study.importing.train_mode import FLAG, doubts, looks_logged_in_train_mode
from fitscape.study.importing.trials import Assembled, assembled
from fitscape.study.importing.units import Unit
from fitscape.study.ledger import READ, Ledger
from fitscape.study.reading.document import dump

MOST_CLASSES: Final = 100_000


@dataclass(frozen=True)
class DataSetFacts:
    """What no run says of its data set."""

    classes: int | None = None
    chance_error: float | None = None  # None: classes that are equally frequent
    reference_error: float | None = None


def make(runs: Runs, keys: Keys, name: str, root: Path, *, facts: DataSetFacts, unit: Unit | None = None) -> Path:
    """Write the study ``root/name``, whole or not at all; returns its folder.

    Raises:
        UserError: the folder is taken or cannot be written, the runs tell no errors, or the number of classes is
            missing.
    """
    folder = root / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        fix = "choose another --name, or another --root"
        raise UserError("something is already here", where=str(folder), fix=fix)
    found = assembled(runs, keys, unit)
    classes, chance = _classes(found, keys, facts)
    config = _config(found, runs, name, facts)
    told = doubts(found.trials)
    provenance = _provenance(found, runs, keys, classes, chance, told)
    trials = [
        replace(trial, extra={**trial.extra, FLAG: True}) if looks_logged_in_train_mode(trial.epochs) else trial
        for trial in found.trials
    ]
    _write(folder, config, provenance, lambda ledger: ledger.put_read(trials))
    return folder


def _write(folder: Path, config: StudyConfig, provenance: Mapping[str, Any], fill: Callable[[Ledger], object]) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        with Ledger.create(partial / LEDGER, config, provenance) as ledger:
            fill(ledger)
        text = dump(config.model_dump(mode="json"))
        write_whole(partial / CONFIG, f"# Read by fitscape from runs that exist. Nothing can run it.\n{text}")
        partial.chmod(0o777 & ~_umask())
        partial.rename(folder)
    except OSError as error:
        what = f"cannot be written: {error.strerror or error}"
        raise UserError(what, where=str(folder), fix="choose another --root") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _classes(found: Assembled, keys: Keys, facts: DataSetFacts) -> tuple[int, float]:
    """Classes and chance error; one of them must be known, because skill is measured against guessing."""
    classes, chance = facts.classes or keys.classes, facts.chance_error
    errors = [e.val_error for t in found.trials for e in t.epochs if e.val_error == e.val_error]
    if chance is not None and not 0 < chance < 1:
        raise UserError(f"{chance:g} is not between 0 and 1", where="--chance-error")
    if classes is not None and not 2 <= classes <= MOST_CLASSES:
        raise UserError(f"{classes} is not a number of classes", where="--classes", fix=f"2 to {MOST_CLASSES}")
    if classes is None and chance is None:
        what = "is needed: the number of classes, because a regime is measured against guessing"
        fix = f"the largest validation error is {max(errors, default=0):.2f}; or give --chance-error"
        raise UserError(what, where="--classes", fix=fix)
    if classes is None:
        assert chance is not None
        classes = max(2, round(1 / (1 - chance)))
    return classes, 1 - 1 / classes if chance is None else chance


def _config(found: Assembled, runs: Runs, name: str, facts: DataSetFacts) -> StudyConfig:
    try:
        return StudyConfig(
            name=name,
            description=f"Read from the {runs.kind} {runs.where}.",
            data=DataConfig(dataset=f"read:{runs.where}"),
            base=found.base,
            space=found.space,
            search=SearchConfig(sampler="random", trials=len(found.trials)),
            regimes=RegimeThresholds(reference_error=facts.reference_error),
        )
    except ValueError as error:  # pydantic's, of what the options gave
        first = str(error).splitlines()
        raise UserError(" ".join(" ".join(first[1:3]).split())[:200], fix="--name or --reference-error") from None


def _provenance(
    found: Assembled, runs: Runs, keys: Keys, classes: int, chance: float, told: list[str]
) -> dict[str, Any]:
    digest = hashlib.sha256()
    for trial in found.trials:
        digest.update(trial.trial_id.encode())
        digest.update(repr(trial.epochs).encode())
    return {
        "data_fingerprint": digest.hexdigest()[:16],
        "chance_error": chance,
        "data": {
            "classes": [str(i) for i in range(classes)],
            "images": {"train": found.train_n, "validation": found.val_n},
            "notes": [*told, *found.notes],
        },
        READ: {"source": runs.where, "kind": runs.kind, "net": _net(found, keys), "keys": _told(keys)},
        "code": {"fitscape": import_module("fitscape").__version__},  # an import statement would be a circle
    }


def _net(found: Assembled, keys: Keys) -> str | None:
    """The hyperparameter that names the network; None where it is not searched."""
    return next((name for name in found.space if keys.net and name in (keys.net, bare(keys.net))), None)


def _told(keys: Keys) -> dict[str, Any]:
    return {k: v for k, v in asdict(keys).items() if k not in ("guessed", "params") and v is not None}
