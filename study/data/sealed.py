"""Load a data set with its test part sealed."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fitscape.study.config import DataConfig
from fitscape.study.data import cache
from fitscape.study.data.apart import build_apart
from fitscape.study.data.datasets import get
from fitscape.study.data.foreseen import require_every_class
from fitscape.study.data.mapped.build import build_mapped
from fitscape.study.data.place import CacheDamaged, place
from fitscape.study.data.prepare import prepare
from fitscape.study.data.room import room
from fitscape.study.data.splits import content_hashes
from fitscape.study.data.trial_data import TrialData
from fitscape.study.errors import UserError
from fitscape.study.records import ImageSet


class OpenedTest(NamedTuple):
    """The test part, opened, and the record of it."""

    images: Tensor  # uint8 [T, C, H, W]
    labels: Tensor  # int64 [T]
    opening: dict[str, Any]  # JSON: when (Unix seconds), why, dataset, fingerprint, images


class SealedData:
    """A data set of which train and validation are open, and the test part only by `open_test`.

    It stays in the driver: it refuses to be pickled, so that no trial process can come to hold the way to the
    test part. Trials are given `trial_data`.
    """

    def __init__(self, config: DataConfig, folder: Path, trial_data: TrialData, facts: dict[str, Any]) -> None:
        self.config = config
        self.trial_data = trial_data
        self._folder, self._facts = folder, facts

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of all three parts."""
        return self.trial_data.fingerprint

    def summary(self) -> dict[str, Any]:
        """What a person and the ledger want to know, as JSON.

        ``dataset``, ``fingerprint``, ``classes``, ``input_shape``, ``images`` and ``images_by_class`` (train,
        validation, test), ``read``, ``unreadable`` ("file: reason"), ``notes`` (sentences: duplicates, missing
        classes), ``folder`` (the prepared files).
        """
        facts = {k: v for k, v in self._facts.items() if k not in ("sha256", "mapped")}
        return {"dataset": self.config.dataset, **facts, "folder": str(self._folder)}

    def known(self, seen: NDArray[np.uint64]) -> dict[str, int]:
        """How many images of each part are among those that weights were trained on (`splits.content_hashes`).

        The seal stays: nothing but the number leaves the test part.
        """
        data = self.trial_data
        parts = {"train": data.train_images, "validation": data.val_images, "test": self._read_test()["images"]}
        return {part: int(np.isin(content_hashes(images.numpy()), seen).sum()) for part, images in parts.items()}

    def images(self) -> dict[str, ImageSet]:
        """Who the images of ``train`` and ``validation`` are, in the order of `trial_data`'s.

        With folds both are all images that any trial validates on, fold after fold.
        """
        data, known = self.trial_data, cache.read_images(self._folder)
        if data.folds is not None:
            every = _image_set(known["train"], data.folds.labels, len(data.folds.half))
            return {"train": every, "validation": every}
        labels = {"train": data.train_labels, "validation": data.val_labels}
        return {part: _image_set(known[part], own, len(own)) for part, own in labels.items()}

    def open_test(self, reason: str) -> OpenedTest:
        """Break the seal. Each opening is appended to ``test-openings.jsonl`` beside the prepared data first.

        Raises:
            ValueError: no reason given.
            UserError: the test part is damaged and its source files have changed since.
        """
        if not reason.strip():
            raise ValueError("reason: say why the test part is opened")
        opening = {
            "time": time.time(),
            "reason": reason,
            "dataset": self.config.dataset,
            "fingerprint": self.fingerprint,
            "images": self._facts["images"]["test"],
        }
        with (self._folder.parent / "test-openings.jsonl").open("a") as log:
            log.write(json.dumps(opening) + "\n")
        test = self._read_test()
        return OpenedTest(test["images"], test["labels"], opening)

    def _read_test(self) -> dict[str, Tensor]:
        try:
            return cache.read_test(self._folder)
        except CacheDamaged:
            again = load(self.config, rebuild=True)
            if again.fingerprint != self.fingerprint:
                raise UserError("the data set has changed since it was loaded", where="data.dataset") from None
            return cache.read_test(again._folder)

    def __reduce__(self) -> Any:
        raise TypeError("sealed data stays in its process: give trials its trial_data")


def _image_set(known: dict[str, Any], labels: Tensor, count: int) -> ImageSet:
    """The first ``count`` images of a part."""
    groups = known["groups"]
    return ImageSet(
        hashes=known["hashes"].numpy().view(np.uint64)[:count],
        labels=labels.numpy().astype(np.uint16)[:count],
        groups=None if groups is None else groups.numpy()[:count],
        names=tuple(known["names"][:count]),
    )


def load(config: DataConfig, *, rebuild: bool = False, say: Callable[[str], None] = lambda text: None) -> SealedData:
    """The data set of a config, prepared on the first call and read from the cache after that.

    The cache lies in ``prepared`` under the data folder (`datasets.source.data_folder`). Its key holds the source
    files' state; a damaged entry is prepared anew. Only train and validation are read. Where there are
    many images they are decoded into files that are mapped (`mapped.build`), and never all in memory.

    Args:
        rebuild: prepare it anew in any case.
        say: gets a sentence now and then while images are decoded, or a user's function is waited for.

    Raises:
        UserError: unknown data set, files missing, damaged, too few or unreadable, the disk full.
    """
    source = get(config)
    folder = place(config, source)
    try:
        if rebuild or not source.lasting:
            raise CacheDamaged
        facts, trial = cache.read_facts(folder), cache.read_trial(folder)
        cache.read_images(folder)
    except CacheDamaged:
        needed = room(config, source)
        if needed is not None and needed.mapped:
            build_mapped(config, source, folder, say, anew=rebuild)
            facts, trial = cache.read_facts(folder), cache.read_trial(folder)
        elif source.foreign:
            build_apart(config, folder, say)
            facts, trial = cache.read_facts(folder), cache.read_trial(folder)
        else:
            prepared = prepare(source.read(config.image_size), config)
            facts = cache.write(folder, prepared.parts, prepared.facts)
            trial = prepared.parts["trial"]
    _require_readable(facts, config)
    require_every_class(config, facts["classes"], facts.get("folds") or [facts["images_by_class"]["validation"]])
    return SealedData(config, folder, TrialData.stored({**trial, "probe_size": config.probe_size}), facts)


def _require_readable(facts: dict[str, Any], config: DataConfig) -> None:
    broken, total = facts["unreadable"], facts["read"] + len(facts["unreadable"])
    if len(broken) > config.unreadable_limit * total:
        raise UserError(
            f"{len(broken)} of {total} files cannot be read: {'; '.join(broken[:3])}{' ...' if broken[3:] else ''}",
            where="data.unreadable_limit",
            fix=f"repair or remove them, or raise the limit of {config.unreadable_limit:g}",
        )
