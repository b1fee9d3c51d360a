"""Predictions and images in the ledger: as they were, small, and absent where an earlier release wrote it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from fitscape.study.config import StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import ImageSet, Predictions, TrialState

CONFIG = StudyConfig(name="seen")
M = 10_000


def predictions(seed: int = 0, images: int = M) -> Predictions:
    rng = np.random.default_rng(seed)
    confidences = (rng.integers(256, size=images) / 255).astype(np.float32)
    return Predictions(classes=rng.integers(300, size=images).astype(np.uint16), confidences=confidences)


def image_set(names: tuple[str, ...] = (), groups: bool = False) -> ImageSet:
    rng = np.random.default_rng(1)
    return ImageSet(
        hashes=rng.integers(2**63, size=M).astype(np.uint64) * 2,
        labels=rng.integers(300, size=M).astype(np.uint16),
        groups=rng.integers(-1, 2**31 - 1, size=M).astype(np.int32) if groups else None,
        names=names,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Ledger.create(tmp_path / "ledger.db", CONFIG, {"data_fingerprint": "first"}).close()
    return tmp_path / "ledger.db"


def ended(ledger: Ledger, said: Predictions | None) -> str:
    trial_id = ledger.add_trial(CONFIG.base, {}, "sobol").trial_id
    ledger.start_attempt(trial_id, "here", "cpu")
    ledger.end_trial(trial_id, TrialState.FINISHED, predictions=said)
    return trial_id


def test_predictions_come_back_as_they_were(file: Path) -> None:
    said = predictions()
    with Ledger.open(file) as ledger:
        trial_id = ended(ledger, said)
    with Ledger.open(file, read_only=True) as ledger:
        found = ledger.predictions(trial_id)
    assert found is not None
    assert (found.classes == said.classes).all()
    assert (found.confidences == said.confidences).all()


@pytest.mark.parametrize("groups", [False, True])
def test_images_come_back_as_they_were(file: Path, groups: bool) -> None:
    images = image_set(names=("a/ü.png", *map(str, range(M - 1))), groups=groups)
    with Ledger.open(file) as ledger:
        ledger.put_images({"validation": images})
        found = ledger.images("validation")
        assert ledger.images("train") is None
    assert found is not None
    assert found.names == images.names
    assert (found.hashes == images.hashes).all()
    assert (found.labels == images.labels).all()
    assert found.groups is None if images.groups is None else (found.groups == images.groups).all()


def test_ten_classes_and_ten_thousand_images_take_below_20_kilobytes_a_trial(file: Path) -> None:
    said = Predictions(classes=predictions().classes % 10, confidences=predictions().confidences)
    with Ledger.open(file) as ledger:
        ended(ledger, said)
    with closing(sqlite3.connect(file)) as connection:
        (size,) = connection.execute("SELECT length(classes) + length(confidences) FROM predictions").fetchone()
    assert size < 20_000


def test_a_trial_without_predictions_has_none(file: Path) -> None:
    with Ledger.open(file) as ledger:
        assert ledger.predictions(ended(ledger, None)) is None


def test_predictions_of_other_images_than_the_studys_are_not_shown(file: Path) -> None:
    with Ledger.open(file) as ledger:
        trial_id = ended(ledger, predictions())
        ledger.put_images({"validation": image_set()})
        ledger.amend(CONFIG, {"data_fingerprint": "second"})
        assert ledger.predictions(trial_id) is None
        assert ledger.images("validation") is None
        ledger.put_images({"validation": image_set()})
        assert ledger.images("validation") is not None


def test_a_ledger_without_the_tables_is_read_and_completed(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("DROP TABLE predictions; DROP TABLE images;")
    with Ledger.open(file, read_only=True) as ledger:
        assert ledger.images("validation") is None
        assert ledger.predictions("nobody") is None
    with Ledger.open(file) as ledger:
        assert ledger.predictions(ended(ledger, predictions())) is not None
