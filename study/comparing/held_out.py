"""Which held-out images two studies share, by the hashes of their prepared pixels."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fitscape.study.opened import OpenStudy

LEAST_SHARED: Final = 100  # images; fewer tell less than each study's own, though those differ

Positions = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """The validation images of two studies.

    ``seen``: of each study's validation images, how many the other one trained on; None where a ledger does not say
    who its images are (0.1.0, and studies that were read).
    """

    images: tuple[int | None, int | None]
    seen: tuple[int, int] | None
    rows: tuple[Positions, Positions]  # [M] positions of the shared ones in either validation, in the same order
    folds: bool = False  # whether a study validates on folds

    @property
    def shared(self) -> int:
        """Validation images of both that neither trained on."""
        return len(self.rows[0])

    @property
    def same(self) -> bool:
        """Whether both validations are one set of images."""
        return self.images[0] == self.images[1] == self.shared

    @property
    def paired(self) -> bool:
        """Whether there are enough of them to compare nets image by image."""
        return self.shared >= LEAST_SHARED

    @property
    def sentence(self) -> str:
        """What a person has to know about the images."""
        if self.folds:
            return (
                "A study in folds trains on each of its images under some seed, so none is held out by both studies: "
                "each best error is that of the study's own images, and a difference may come from them."
            )
        if self.seen is None:
            return "It is not known whether the held-out images are the same: one ledger does not identify its images."
        if self.same:
            return f"Both studies hold out the same {self.shared:,} images."
        first, second = self.images
        text = f"The studies hold out {first:,} and {second:,} images, of which {self.shared:,} are the same"
        text += " and were trained on by neither." if self.shared else "."
        if any(self.seen):
            text += f" Each trained on held-out images of the other: {self.seen[0]:,} and {self.seen[1]:,}."
        if self.paired:
            return text + f" Best errors are compared on these {self.shared:,}."
        few = "No image is shared" if not self.shared else f"Fewer than {LEAST_SHARED} are too few"
        return f"{text} {few}, so each best error is that of the study's own images: a difference may come from them."


def held_out(first: OpenStudy, second: OpenStudy) -> HeldOut:
    """Match validation images by hash; copies within one validation count once."""
    parts = [(study.validation, study.ledger.images("train")) for study in (first, second)]
    counts: list[int | None] = [_count(study) for study in (first, second)]
    none = np.empty(0, dtype=np.int64)
    if first.config.data.folds or second.config.data.folds:
        return HeldOut(images=(counts[0], counts[1]), seen=None, rows=(none, none), folds=True)
    validation = [part[0] for part in parts]
    train = [part[1] for part in parts]
    a, b = validation
    if a is None or b is None or train[0] is None or train[1] is None:
        return HeldOut(images=(counts[0], counts[1]), seen=None, rows=(none, none))
    seen_a, seen_b = np.isin(a.hashes, train[1].hashes), np.isin(b.hashes, train[0].hashes)
    _, in_a, in_b = np.intersect1d(a.hashes, b.hashes, return_indices=True)
    free = ~(seen_a[in_a] | seen_b[in_b]) & (_classes(first)[a.labels[in_a]] == _classes(second)[b.labels[in_b]])
    if len(in_a) and len(np.unique(a.hashes)) == len(np.unique(b.hashes)) == len(in_a):
        counts = [len(in_a), len(in_a)]  # copies of one image are in both validations
    rows = in_a[free].astype(np.int64), in_b[free].astype(np.int64)
    return HeldOut(images=(counts[0], counts[1]), seen=(int(seen_a.sum()), int(seen_b.sum())), rows=rows)


def _classes(study: OpenStudy) -> NDArray[np.str_]:
    return np.array([str(name) for name in study.provenance["data"]["classes"]])


def _count(study: OpenStudy) -> int | None:
    if study.validation is not None:
        return len(study.validation.labels)
    data: dict[str, Any] = study.provenance.get("data", {})
    found = data.get("images", {}).get("validation")
    return None if found is None else int(found)
