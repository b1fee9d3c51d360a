"""What each trial said of each validation image, and who those images are: once a study, beside the epochs' rows."""

import json
import sqlite3
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fitscape.study.ledger.codec import to_json
from fitscape.study.ledger.database import Database
from fitscape.study.records import ImageSet, Predictions

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

STEPS = 255  # in which a confidence is kept
FINGERPRINT = "coalesce(json_extract(study.provenance, '$.data_fingerprint'), '')"


def put(connection: sqlite3.Connection, trial_id: str, predictions: Predictions) -> None:
    """Keep a trial's predictions, of the images that the study has now."""
    confidences = (predictions.confidences * STEPS).round().astype("u1")
    values = (trial_id, _packed(predictions.classes, "<u2"), _packed(confidences, "u1"))
    connection.execute(f"INSERT OR REPLACE INTO predictions SELECT ?1, {FINGERPRINT}, ?2, ?3 FROM study", values)


class Images:
    """The tables of images and predictions. A ledger of an earlier release has none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_images(self, parts: Mapping[str, ImageSet]) -> None:
        """Keep who the images of each part are; of data that are known already, nothing changes."""
        with self._database.write() as connection:
            for part, images in parts.items():
                groups = None if images.groups is None else _packed(images.groups, "<i4")
                packed = (_packed(images.hashes, "<u8"), _packed(images.labels, "<u2"), groups, to_json(images.names))
                connection.execute(
                    f"INSERT OR IGNORE INTO images SELECT {FINGERPRINT}, ?, ?, ?, ?, ? FROM study",
                    (part, *packed),
                )

    def images(self, part: str) -> ImageSet | None:
        """The images of ``train`` or ``validation``; None where they were not written down."""
        row = self._row(f"SELECT images.* FROM images, study WHERE fingerprint = {FINGERPRINT} AND part = ?", part)
        if row is None:
            return None
        return ImageSet(
            hashes=_unpacked(row["hashes"], "<u8"),
            labels=_unpacked(row["labels"], "<u2"),
            groups=None if row["groups"] is None else _unpacked(row["groups"], "<i4"),
            names=tuple(json.loads(row["names"])),
        )

    def predictions(self, trial_id: str) -> Predictions | None:
        """What a trial that has ended said of the validation images; None where that was not written down, or was
        said of other images than the study has now."""
        row = self._row(
            f"SELECT predictions.* FROM predictions, study WHERE fingerprint = {FINGERPRINT} AND trial_id = ?",
            trial_id,
        )
        if row is None:
            return None
        confidences = (_unpacked(row["confidences"], "u1") / STEPS).astype("f4")
        return Predictions(classes=_unpacked(row["classes"], "<u2"), confidences=confidences)

    def _row(self, sql: str, value: str) -> sqlite3.Row | None:
        with self._database.read() as connection:
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'predictions'").fetchone()
            row: sqlite3.Row | None = connection.execute(sql, (value,)).fetchone() if known else None
            return row


def _packed(array: "NDArray[Any]", kind: "DTypeLike") -> bytes:
    return zlib.compress(array.astype(kind).tobytes())


def _unpacked(blob: bytes, kind: "DTypeLike") -> "NDArray[Any]":
    import numpy as np

    return np.frombuffer(zlib.decompress(blob), dtype=kind)
