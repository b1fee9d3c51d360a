"""Studies compared with their own repeats, and with studies in which something was changed: alarms and hits.

Whole ledgers, compared by the public function. Errors follow a planted field over two hyperparameters; every net fails
on the same hard images in part; seeds, the search, and where asked the split, are drawn anew for each study.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from fitscape.study.comparing import Versus, compare
from fitscape.study.config import Range, StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.maps.encoding import Encoder
from fitscape.study.opened import OpenStudy, open_study
from fitscape.study.records import EpochRecord, ImageSet, Predictions, TrialState
from fitscape.study.search.space import resolve

Array = NDArray[np.float64]
CLASSES: Final = 10
POOL: Final = 6000  # images, of which a study holds out VALIDATION
VALIDATION: Final = 1200
COMMON: Final = 0.5  # share of the variance of what a net fails on that all nets have in common
SEED_SD: Final = 0.2  # logits
SPACE: Final = {"width": Range(low=0.125, high=1, log=True), "train_fraction": Range(low=0.05, high=1, log=True)}


@dataclass(frozen=True)
class Plant:
    """A kind of study. ``val`` and ``train``: logits that its errors lie above those of the plain one; ``narrow``:
    logits by which narrow nets lie above besides."""

    trials: int = 32
    seeds: int = 1
    design: int = 0  # added to the study's number: the same number is the same design
    split: int | None = 0  # None: another one for each study
    val: float = 0.0
    train: float = 0.0
    narrow: float = 0.0


PAIRS: Final[Mapping[str, tuple[Plant, Plant]]] = {
    "repeat, other seeds": (Plant(), Plant()),
    "repeat, other seeds and search": (Plant(), Plant(design=1)),
    "repeat, other seeds, search and split": (Plant(split=None), Plant(design=1, split=None)),
    "repeat, 12 x 3, other seeds and split": (Plant(12, 3, split=None), Plant(12, 3, split=None)),
    "narrow nets learn less": (Plant(), Plant(design=1, narrow=2.0)),
    "best error 4 times": (Plant(), Plant(design=1, val=1.8, train=0.5)),
}


def truth(points: pd.DataFrame, plant: Plant) -> tuple[Array, Array]:
    """Expected training and validation error of each point."""
    width = np.log(points["width"].to_numpy(float) / 0.125) / np.log(8)
    fraction = np.log(points["train_fraction"].to_numpy(float) / 0.05) / np.log(20)
    narrow = plant.narrow * expit((0.5 - width) * 15)
    train = expit(-1.2 - 4.5 * width + 2.5 * fraction * (1 - width) + plant.train + narrow)
    gap = expit(-0.6 - 2.4 * fraction - 0.6 * width + plant.val)
    return train, train + (0.9 - train) * np.clip(gap, 0.01, 0.9)


def plant_study(folder: Path, name: str, plant: Plant, number: int) -> OpenStudy:
    """Write a study whose every draw but design and split comes from its number."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng([number, 11])
    config = StudyConfig.model_validate({"name": name, "space": SPACE, "search": {"trials": plant.trials}})
    encoder = Encoder(resolve(config))
    points = encoder.from_unit(encoder.sobol(plant.trials, plant.design + 2 * (number // 2)))
    pool = np.random.default_rng(7)
    labels, hashes = pool.integers(0, CLASSES, POOL).astype(np.uint16), pool.integers(0, 2**63, POOL, dtype=np.uint64)
    hard = pool.standard_normal(POOL)
    split = np.random.default_rng([number if plant.split is None else plant.split, 5]).permutation(POOL)
    held = split[:VALIDATION]
    parts = {
        "validation": ImageSet(hashes=hashes[held], labels=labels[held]),
        "train": ImageSet(hashes=hashes[split[VALIDATION:]], labels=labels[split[VALIDATION:]]),
    }
    errors = np.stack(truth(points, plant), axis=1)
    with Ledger.create(folder / "ledger.db", config, _provenance()) as ledger:
        ledger.put_images(parts)
        for point, (train, val) in zip(points.to_dict("records"), errors, strict=True):
            for seed in range(plant.seeds):
                _run(ledger, config, {**point, "seed": seed}, (train, val), (hard[held], labels[held]), rng)
    return open_study(folder)


def _run(
    ledger: Ledger,
    config: StudyConfig,
    point: dict[Any, Any],
    expected: tuple[float, float],
    images: tuple[Array, NDArray[np.uint16]],
    rng: np.random.Generator,
) -> None:
    hard, labels = images
    trial = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol").trial_id
    ledger.start_attempt(trial, "here", "cpu")
    train, val = expit(logit(np.array(expected)) + rng.normal(0, SEED_SD))
    latent = np.sqrt(COMMON) * hard + np.sqrt(1 - COMMON) * rng.standard_normal(len(hard))
    wrong = latent < norm.ppf(val)
    half = np.arange(len(hard)) % 2 == 0
    record = EpochRecord(
        epoch=1, step=1, time=0.0, train_loss=1.0, val_loss=1.0, train_n=2000, val_n=len(hard),
        train_error=float(rng.binomial(2000, train) / 2000), val_error=float(wrong.mean()),
        val_loss_a=1.0, val_loss_b=1.0, val_error_a=float(wrong[half].mean()), val_error_b=float(wrong[~half].mean()),
        batch_loss=1.0, learning_rate=0.1, train_seconds=1.0, eval_seconds=0.1, images_per_second=1.0,
        peak_memory_mib=1.0, val_n_a=int(half.sum()),
    )  # fmt: skip
    ledger.record_epoch(trial, record)
    said = np.where(wrong, (labels + 1) % CLASSES, labels).astype(np.uint16)
    predictions = Predictions(classes=said, confidences=np.full(len(said), 0.9, dtype=np.float32))
    ledger.end_trial(trial, TrialState.FINISHED, predictions=predictions)


def _provenance() -> dict[str, Any]:
    return {
        "data_fingerprint": "planted",
        "chance_error": 0.9,
        "data": {"classes": [str(k) for k in range(CLASSES)]},
        "code": {"trial_code": "planted"},
    }


def versus(kind: str, number: int) -> Versus:
    """Compare one planted pair."""
    with TemporaryDirectory() as place:
        plants = PAIRS[kind]
        studies = [
            plant_study(Path(place) / name, name, plant, 2 * number + k)
            for k, (name, plant) in enumerate(zip("ab", plants, strict=True))
        ]
        try:
            return compare(studies).others[0]
        finally:
            for study in studies:
                study.ledger.close()


def run(kind: str, number: int) -> dict[str, Any]:
    """What one comparison said, as JSON."""
    found = versus(kind, number)
    assert found.best is not None
    assert found.areas is not None
    return {
        "kind": kind,
        "number": number,
        "differs": found.differs,
        "best_differs": found.best.differs,
        "difference": found.best.difference,
        "width": found.best.high - found.best.low,
        "images": found.best.images,
        "changed": found.areas.changed,
        "moves": sorted({f"{area.before} -> {area.after}" for area in found.areas.found}),
    }


def summarize(done: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per kind: shares of comparisons that found a difference, and how large."""
    rows = []
    for kind in PAIRS:
        mine = [one for one in done if one["kind"] == kind]
        if mine:
            means = {name: float(np.mean([one[name] for one in mine])) for name in ("differs", "best_differs")}
            areas = float(np.mean([one["changed"] > 0 for one in mine]))
            spread = {name: float(np.mean([one[name] for one in mine])) for name in ("difference", "width", "changed")}
            rows.append({"kind": kind, "comparisons": len(mine), **means, "areas": areas, **spread})
    return rows
