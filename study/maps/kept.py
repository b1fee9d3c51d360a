"""The map and the labels of a study of many trials, kept in its folder for whoever asks next.

They hold for the ledger as it is and the code that made them: after the next trial, or another release, they are not
read any more. Losing them costs time and nothing else, so that nothing here fails.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from fitscape.study.files import StudyFolder, whole_file, write_whole
from fitscape.study.ledger import Ledger
from fitscape.study.ledger.codec import label_record, label_row
from fitscape.study.maps.regime_map import RegimeMap
from fitscape.study.maps.saved import arrays, restore
from fitscape.study.records import Label

FEWEST: Final = 200  # ended trials from which a map takes seconds
_CODE: Final = ("maps", "measures", "regimes", "search", "opened.py", "records.py")  # below study


class Kept:
    """Of one study, as its ledger is now."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._place, self._ledger = StudyFolder(folder), ledger
        self._state = self._now()

    def _now(self) -> str:
        ledger = self._ledger
        facts = (ledger.uid, ledger.changed, len(ledger.ended()), ledger.config.model_dump_json(), ledger.provenance)
        return hashlib.sha256(json.dumps([*facts, _code()]).encode()).hexdigest()

    @property
    def _still(self) -> bool:
        """Whether nothing has changed since: what was read meanwhile is of this state."""
        return self._now() == self._state

    @classmethod
    def of(cls, folder: Path, ledger: Ledger) -> "Kept | None":
        """None where the study has so few trials that there is nothing to save."""
        return cls(folder, ledger) if len(ledger.ended()) >= FEWEST else None

    def map(self, empty: RegimeMap) -> RegimeMap | None:
        """``empty`` fitted as it was fitted before; None where that was never done, or of another state."""
        try:
            with np.load(self._place.kept_map, allow_pickle=False) as file:
                return restore(empty, dict(file)) if str(file["state"]) == self._state else None
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return None

    def keep_map(self, fitted: RegimeMap) -> None:
        if self._still:
            with suppress(OSError), whole_file(self._place.kept_map) as partial, partial.open("wb") as file:
                np.savez_compressed(file, state=np.array(self._state), **arrays(fitted))

    def labels(self) -> dict[str, Label] | None:
        """By trial id; None where they were never given, or of another state."""
        try:
            kept = json.loads(self._place.kept_labels.read_text())
            if kept["state"] != self._state:
                return None
            return {row["trial_id"]: label_record(row) for row in kept["labels"]}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep_labels(self, labels: Iterable[Label]) -> None:
        if self._still:
            text = json.dumps({"state": self._state, "labels": [label_row(label) for label in labels]})
            with suppress(OSError):
                write_whole(self._place.kept_labels, text)


@lru_cache(maxsize=1)
def _code() -> str:
    """A hash of the source that maps and labels come from."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for part in _CODE:
        for file in sorted((root / part).rglob("*.py")) if (root / part).is_dir() else [root / part]:
            digest.update(file.read_bytes())
    return digest.hexdigest()
