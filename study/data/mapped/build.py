"""From image files to mapped parts: look at the headers, decode by chunks, cut the parts; resumable at every step."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fitscape.study.config import DataConfig
from fitscape.study.data import cache, room
from fitscape.study.data.classes import kept
from fitscape.study.data.datasets.decoding import Header
from fitscape.study.data.datasets.image_files import Form, described, form_of
from fitscape.study.data.datasets.listing import Listing
from fitscape.study.data.datasets.source import Source
from fitscape.study.data.mapped.child import fill, headers
from fitscape.study.data.mapped.chunks import Record, Store
from fitscape.study.data.mapped.crew import Say, left, share_out
from fitscape.study.data.mapped.lock import locked, remove
from fitscape.study.data.mapped.pool import DecodedPool
from fitscape.study.data.near_copies import LEAST_SIDE
from fitscape.study.data.place import CacheDamaged, unfinished
from fitscape.study.data.prepare import prepare
from fitscape.study.errors import UserError
from fitscape.study.files import write_whole


def build_mapped(config: DataConfig, source: Source, folder: Path, say: Say, *, anew: bool = False) -> None:
    """Prepare a data set of image files into the cache's ``folder``, from where a killed preparation was.

    Another process that prepares the same is waited for.

    Args:
        anew: also where the folder holds prepared data: they are damaged.

    Raises:
        UserError: as ``Source.read`` and ``prepare``; no room on the disk; or decoding crashes and no file is to blame.
    """
    listing = source.listing()
    assert listing is not None, "only files are decoded"
    waited: list[bool] = []

    def waiting() -> None:
        waited.append(True)
        say("another process prepares these images: waiting for it")

    try:
        with locked(unfinished(folder), waiting):
            if (waited or not anew) and _is_there(folder):
                return
            _Preparation(config, source, listing, folder, say).carry_out()
            remove(unfinished(folder))
    except OSError as error:
        fix = "set FITSCAPE_DATA or data.root to a writable folder with enough room"
        raise UserError(f"{folder.parent} cannot be written: {error}", where="data.root", fix=fix) from error


def _is_there(folder: Path) -> bool:
    try:
        cache.read_trial(folder)
    except CacheDamaged:
        return False
    return True


class _Preparation:
    """One data set's; its folder is held."""

    def __init__(self, config: DataConfig, source: Source, listing: Listing, folder: Path, say: Say) -> None:
        self._config, self._source, self._listing, self._say = config, source, listing, say
        self._folder, self._place = folder, unfinished(folder)
        self._crashing: dict[str, str] = {}

    def carry_out(self) -> None:
        paths = self._listing.paths
        self._say(f"preparing {len(paths):,} images, once for this data set")
        found = self._headers()
        while True:  # again only where a file that cannot be decoded had a say in what all become
            form, notes = form_of(found, self._config.image_size)
            store = self._store(form)
            found = self._decoded(store, found, form)
            if form_of(found, self._config.image_size) == (form, notes):
                break
        good = np.flatnonzero([isinstance(known, Header) for known in found])
        raw = described(self._listing, found, form, notes, self._source.fit, np.empty((len(good), 0, 0, 0), np.uint8))
        pool = DecodedPool(store, self._records(store, found), good[kept(raw, self._config.classes)], self._say)
        prepared = prepare(raw, self._config, pool)
        cache.write(
            self._folder,
            prepared.parts,
            prepared.facts,
            images={part: pool.file(part) for part in ("train", "validation", "test")},
        )

    def _headers(self) -> list[Header | str]:
        """Of all files; those that an earlier start has looked at are read from a file."""
        file, paths = self._place / "headers.json", self._listing.paths
        try:
            known = [one if isinstance(one, str) else _header(one) for one in json.loads(file.read_text())]
        except (OSError, ValueError, TypeError):
            known = []
        if len(known) == len(paths):
            return known
        answers = share_out(headers, paths, crashing=self._crashing, progress=self._progress("looked at"))
        found: list[Header | str] = [""] * len(paths)
        for k, answer in enumerate(answers):
            found[k :: len(answers)] = answer
        write_whole(file, json.dumps([one if isinstance(one, str) else asdict(one) for one in found]))
        return found

    def _store(self, form: Form) -> Store:
        """Of images of this form, with room for all. What was decoded into another form is removed."""
        name = hashlib.sha256(repr((form, self._source.fit)).encode()).hexdigest()[:16]
        for other in self._place.glob("pool-*"):
            if other.name != f"pool-{name}":
                remove(other)
        store = Store(self._place / f"pool-{name}", (form.channels, form.size, form.size))
        needed = room.copies(self._config) * len(self._listing.paths) * store.image_bytes
        there = store.pool.stat().st_blocks * 512 if store.pool.exists() else 0
        room.require_disk(self._folder.parent, needed - there)
        store.make(len(self._listing.paths))
        return store

    def _decoded(self, store: Store, found: list[Header | str], form: Form) -> list[Header | str]:
        """Fill the store; of each file its header, or why it could not be decoded."""
        looks = self._listing.groups is None and form.size >= LEAST_SIDE
        chunks = list(store.chunks(self._listing.paths, found))
        size = room.gigabytes(len(self._listing.paths) * store.image_bytes)
        self._say(f"decoding them to {form.size}x{form.size}, {size}, into {self._place}")
        share_out(
            fill,
            chunks,
            store,
            form.scale,
            self._source.fit == "pad",
            looks,
            crashing=self._crashing,
            progress=self._progress("decoded"),
        )
        reasons = np.concatenate([record.reasons for record in self._records(store, found)])
        return [str(reason) or known for reason, known in zip(reasons, found, strict=True)]

    def _records(self, store: Store, found: list[Header | str]) -> list[Record]:
        records = [store.recorded(chunk) for chunk in store.chunks(self._listing.paths, found)]
        whole = [record for record in records if record is not None]
        if len(whole) < len(records):
            raise OSError(f"{store.folder} was changed meanwhile")
        return whole

    def _progress(self, what: str) -> Callable[[int, float], None]:
        total = len(self._listing.paths)
        return lambda done, seconds: self._say(f"{what} {done:,} of {total:,} images{left(done, total, seconds)}")


def _header(fields: dict[str, Any]) -> Header:
    width, height = fields["size"]
    return Header(**{**fields, "size": (width, height)})
