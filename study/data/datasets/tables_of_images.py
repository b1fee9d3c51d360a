"""Tables that hold images themselves, as Hugging Face's ``datasets`` writes them: Parquet, and Arrow on disk.

Read by pyarrow alone: no code of the data set runs, and ``datasets`` need not be installed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitscape.study.data.datasets.listing import SPELLINGS, refused
from fitscape.study.data.given_split import SplitPart

if TYPE_CHECKING:
    import pyarrow as pa

IMAGES = ("image", "img", "picture", "pixel_values")
LABELS = ("label", "labels", "class", "target", "fine_label", "category")
SUFFIXES = (".parquet", ".arrow")
BATCH = 256  # images that are held in memory at once


@dataclass(frozen=True)
class Table:
    """One file. ``part`` is DRAWN where its name says none."""

    file: Path
    part: SplitPart
    image: str  # columns
    label: str
    classes: tuple[str, ...]  # of the label column's features; empty: it holds names
    columns: tuple[str, ...]

    def rows(self, *columns: str) -> Iterator[dict[str, Any]]:
        """Each row's values of these columns, a few images in memory at a time.

        Raises:
            UserError: the file is damaged.
        """
        import pyarrow as pa

        try:
            for batch in _batches(self.file, list(columns)):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise refused(f"{self.file} cannot be read: {' '.join(str(error).split())[:200]}") from error


def tables(path: Path) -> list[Table]:
    """The files of a data set, in order.

    Raises:
        UserError: none, several data sets, or columns that are no image or no label.
    """
    files = [path] if path.is_file() else sorted(f for suffix in SUFFIXES for f in path.rglob(f"*{suffix}"))
    if not files:
        raise refused(f"{path} has no .parquet or .arrow file", "name the folder of a data set with images inside")
    parts = [_part(file, path) for file in files]
    folders = {file.parent for file, part in zip(files, parts, strict=True) if part == SplitPart.DRAWN}
    if len(folders) > 1:
        shown = ", ".join(sorted(folder.name for folder in folders)[:3])
        raise refused(f"{path} has several data sets: {shown}", f"name one of them: hf:{path}/NAME")
    found = [_table(file, part) for file, part in zip(files, parts, strict=True)]
    if len({one.classes for one in found}) > 1:
        raise refused(f"{path}: its files do not have the same classes")
    return found


def _part(file: Path, root: Path) -> SplitPart:
    """By the file's name (``train-00000-of-00001``), or that of a folder it lies in."""
    words = [file.stem, *(parent.name for parent in file.parents if parent.is_relative_to(root) and parent != root)]
    for word in words:
        first = word.lower().replace("_", "-").partition("-")[0]
        if first in SPELLINGS:
            return SPELLINGS[first]
    return SplitPart.DRAWN


def _table(file: Path, part: SplitPart) -> Table:
    schema = _schema(file)
    features = _features(schema, file)
    images = [n for n in schema.names if features.get(n, {}).get("_type") == "Image"] or [
        n for n in IMAGES if n in schema.names
    ]
    named = [n for n in LABELS if n in schema.names]
    labels = named or [n for n in schema.names if features.get(n, {}).get("_type") == "ClassLabel"]
    for found, what in ((images, "images"), (labels, "labels")):
        if not found:
            raise refused(f"{file} has no column of {what}", f"its columns are {', '.join(schema.names)}")
    if len(images) > 1 and "image" not in images:
        raise refused(f"{file} has several columns of images: {', '.join(images)}", "call the one to use image")
    image = "image" if "image" in images else images[0]
    classes = tuple(map(str, features.get(labels[0], {}).get("names") or ()))
    return Table(file, part, image, labels[0], classes, tuple(schema.names))


def _features(schema: "pa.Schema", file: Path) -> dict[str, Any]:
    """What ``datasets`` wrote down of each column; beside an .arrow file it may be in dataset_info.json."""
    written = (schema.metadata or {}).get(b"huggingface")
    try:
        found = json.loads(written)["info"]["features"] if written else None
        beside = file.parent / "dataset_info.json"
        if found is None and beside.is_file():
            found = json.loads(beside.read_text(encoding="utf-8")).get("features")
    except (ValueError, KeyError, TypeError):
        found = None
    return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}


def _schema(file: Path) -> "pa.Schema":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if file.suffix == ".parquet":
            return pq.read_schema(file)
        with pa.memory_map(str(file)) as source:
            return pa.ipc.open_stream(source).schema
    except (pa.ArrowException, OSError) as error:
        raise refused(f"{file} cannot be read: {' '.join(str(error).split())[:200]}") from error


def _batches(file: Path, columns: list[str]) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa
    import pyarrow.parquet as pq

    if file.suffix == ".parquet":
        with pq.ParquetFile(file) as table:
            yield from table.iter_batches(BATCH, columns=columns)
        return
    with pa.memory_map(str(file)) as source:
        for batch in pa.ipc.open_stream(source):
            for at in range(0, batch.num_rows, BATCH):
                yield batch.slice(at, BATCH).select(columns)
