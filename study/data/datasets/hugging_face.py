"""A data set of Hugging Face that lies on this machine: its images are unpacked once, then read as any files are."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fitscape.study.data.datasets import image_files
from fitscape.study.data.datasets.image_list import GROUP
from fitscape.study.data.datasets.listing import FOLDER, PATTERN, Listing, numbered, refused
from fitscape.study.data.datasets.source import Presence, RawData, Source, data_folder
from fitscape.study.data.datasets.tables_of_images import Table, tables
from fitscape.study.data.given_split import SplitPart
from fitscape.study.files import whole_file

UNPACKED = "unpacked"  # below the data folder


class _Row(NamedTuple):
    part: SplitPart
    label: str
    group: str | None


class HuggingFace(Source):
    """``hf:PATH``: the folder of a data set with images inside, as it is downloaded (Parquet) or as ``save_to_disk``
    leaves it (Arrow); or one such file. Splits are used as given; rows without a label are left out."""

    name = "hf"
    foreign = True
    argument_name = "PATH"
    description = "a Hugging Face data set on this machine: hf:PATH, a folder of Parquet or Arrow files, or one file"

    def presence(self) -> Presence:
        return image_files.presence(self.name, self._listing(), self._path(), self._path())

    def files(self) -> list[Path]:
        return [table.file for table in self._tables()]

    def read(self, image_size: int | None) -> RawData:
        listing = self._listing()
        self._unpack(set(listing.paths))
        return image_files.read(listing, image_size, self)

    def _tables(self) -> list[Table]:
        if "://" in self.argument or not self._path().exists():
            what = f"{self.argument} is not on this machine"
            raise refused(what, "download it first, for example with `hf download NAME --repo-type dataset`")
        return tables(self._path())

    def _listing(self) -> Listing:
        """From the labels alone, without an image. Raises UserError: the tables cannot serve."""
        found = self._tables()
        rows, names, notes = [], [], []
        for number, table in enumerate(found):
            labelled, lacking = 0, 0
            for i, row in enumerate(table.rows(table.label, *self._group_columns(table))):
                label = _label(row[table.label], table)
                if label is None:
                    lacking += 1
                    continue
                labelled += 1
                rows.append(_Row(table.part, label, self._group(row, f"{number}/{i}")))
                names.append(_name(number, i))
            if lacking:
                notes.append(f"{table.file.name}: {lacking} of {labelled + lacking} rows have no label, left out")
        given = found[0].classes
        classes = given or tuple(sorted({row.label for row in rows}))
        there = {row.label for row in rows}
        classes = tuple(name for name in classes if name in there)
        where = {name: i for i, name in enumerate(classes)}
        parts = np.array([row.part for row in rows], dtype=np.int8)
        root = self._unpacked(found)
        return Listing(
            root=root,
            paths=tuple(root / name for name in names),
            labels=np.array([where[row.label] for row in rows], dtype=np.int64),
            classes=classes,
            parts=None if (parts == SplitPart.DRAWN).all() else parts,
            groups=None if not rows or rows[0].group is None else numbered([str(row.group) for row in rows]),
            notes=tuple(notes),
        ).require_usable(allow_group_leak=self.allow_group_leak)

    def _group_columns(self, table: Table) -> list[str]:
        wanted = self.groups
        if wanted is None:
            return [GROUP] if GROUP in table.columns else []
        if PATTERN in wanted or wanted == FOLDER:
            raise refused(f"'{wanted}' is for files, and these images are rows", "name a column", "data.groups")
        if wanted not in table.columns:
            known = ", ".join(table.columns)
            raise refused(f"{table.file} has no column '{wanted}'", f"its columns are {known}", "data.groups")
        return [wanted]

    def _group(self, row: dict[str, Any], alone: str) -> str | None:
        """A row whose group is empty is one of its own; None: there are no groups."""
        column = self.groups or GROUP
        if column not in row:
            return None
        value = row[column]
        return f"row {alone}" if value is None or str(value).strip() == "" else f"group {value}"

    def _unpacked(self, found: list[Table]) -> Path:
        """Where the images of these files go: another folder once a file has changed."""
        digest = hashlib.sha256()
        for table in found:
            status = table.file.stat()
            digest.update(f"{table.file} {table.image} {status.st_size} {status.st_mtime_ns}\n".encode())
        return data_folder(self.root) / UNPACKED / digest.hexdigest()[:16]

    def _unpack(self, wanted: set[Path]) -> None:
        """Write the images that are not there yet, each as its bytes are.

        Raises:
            UserError: a row names a file instead of holding an image, or the disk takes no more.
        """
        found = self._tables()
        root = self._unpacked(found)
        for number, table in enumerate(found):
            (root / f"{number:04d}").mkdir(parents=True, exist_ok=True)
            if all(path.exists() for path in wanted if path.parent.name == f"{number:04d}"):
                continue
            for i, row in enumerate(table.rows(table.image)):
                to = root / _name(number, i)
                if to not in wanted or to.exists():
                    continue
                content = _bytes(row[table.image])
                if content is None:
                    what = f"{table.file}: row {i} holds no image"
                    raise refused(what, "use csv:FILE for a table that names files")
                try:
                    with whole_file(to) as partial:
                        partial.write_bytes(content)
                except OSError as error:
                    raise refused(f"{to} cannot be written: {error.strerror or error}") from error


def _name(table: int, row: int) -> str:
    return f"{table:04d}/{row:07d}"


def _label(value: Any, table: Table) -> str | None:
    """The class of a row; None where it has none, which Hugging Face writes as -1."""
    if value is None or value == -1 or value == "":
        return None
    if isinstance(value, list | dict):
        raise refused(f"{table.file}: a row has several labels", "Fitscape takes one class per image")
    if table.classes and isinstance(value, int):
        if not 0 <= value < len(table.classes):
            raise refused(f"{table.file}: label {value} is not one of its {len(table.classes)} classes")
        return table.classes[value]
    return str(value)


def _bytes(value: Any) -> bytes | None:
    """An image as ``datasets`` stores it: its bytes, or a struct that has them."""
    content = value.get("bytes") if isinstance(value, dict) else value
    return content if isinstance(content, bytes) and content else None
