"""A user's list of images: a table of paths and labels, with a split and groups where it has such columns."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fitscape.study.data.datasets import image_files
from fitscape.study.data.datasets.listed import ListedSource
from fitscape.study.data.datasets.listing import (
    FOLDER,
    PATTERN,
    SPELLINGS,
    Listing,
    groups_of_names,
    numbered,
    refused,
    text,
)
from fitscape.study.data.datasets.source import Presence
from fitscape.study.data.given_split import Parts, SplitPart

if TYPE_CHECKING:
    import pandas as pd

PATHS = ("path", "image", "file", "filename", "file_name", "filepath", "image_path")
LABELS = ("label", "class", "target", "category")
SPLITS = ("split", "part", "subset", "set")
GROUP = "group"
UNGIVEN = {"", "nan", "none", "null"}
SHOWN = 3  # missing files that are named


class ImageList(ListedSource):
    """Images named by a .csv, .tsv, .parquet or .jsonl file, a row per image.

    Columns ``path`` (or ``image``, ``file``, ``filename``) and ``label`` (or ``class``, ``target``); ``split`` (train,
    val, test in any usual spelling, empty to leave it to the split) and ``group`` where they are there. Paths are
    relative to the file, and lie below its folder.
    """

    name = "csv"
    argument_name = "FILE"
    description = "your own list of images: csv:FILE (or .tsv, .parquet, .jsonl), with path, label, split, group"

    def presence(self) -> Presence:
        return image_files.presence(self.name, self.listing(), self._path(), self._path().parent)

    def files(self) -> list[Path]:
        return [self._path(), *self.listing().paths]

    def _look(self) -> Listing:
        """Raises UserError: the file, a column or a row cannot serve."""
        if "://" in self.argument:
            raise refused(f"{self.argument} is a URL", "download it first")
        file = self._path()
        table = _table(file)
        names = [str(value) for value in table[_column(table, PATHS, file)]]
        label = table[_column(table, LABELS, file)]
        if label.isna().any():
            raise refused(f"{file}: {int(label.isna().sum())} rows have no label", "give each row one, or leave it out")
        classes = _classes(label, file)
        return Listing(
            root=file.parent,
            paths=_files(names, file.parent),
            labels=np.array([classes.index(value) for value in map(_word, label)], dtype=np.int64),
            classes=classes,
            parts=_parts(table, file),
            groups=self._groups(table, names, file),
        ).require_usable(allow_group_leak=self.allow_group_leak)

    def _groups(self, table: "pd.DataFrame", names: list[str], file: Path) -> "np.ndarray | None":
        given = self.groups
        if given is not None and PATTERN in given:
            return groups_of_names(given, names)
        if given == FOLDER and FOLDER not in table:
            return numbered([str(Path(name).parent) for name in names])
        if given is None and GROUP not in table:
            return None
        column = given or GROUP
        if column not in table:
            known = ", ".join(map(str, table.columns))
            raise refused(f"{file} has no column '{column}'", f"its columns are {known}", "data.groups")
        alone = [f"row{i}" for i in range(len(table))]  # a row without a group is one of its own
        keys = [
            a if _word(value) in UNGIVEN else f"g{_word(value)}" for a, value in zip(alone, table[column], strict=True)
        ]
        return numbered(keys)


def _table(file: Path) -> "pd.DataFrame":
    import pandas as pd

    if not file.is_file():
        raise refused(f"{file} is not a file", "name a .csv, .tsv, .parquet or .jsonl file of this machine")
    try:
        if file.suffix == ".parquet":
            table = pd.read_parquet(file)
        elif file.suffix in (".jsonl", ".ndjson"):
            table = pd.read_json(file, lines=True, dtype=False)
        else:
            # Labels and groups are names: 01 is not 1, and a class called NA is a class.
            separator = "\t" if file.suffix == ".tsv" else ","
            table = pd.read_csv(
                file, sep=separator, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig"
            )
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise refused(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    if table.empty:
        raise refused(f"{file} has no rows")
    return table.rename(columns={name: str(name).strip().lower() for name in table.columns})


def _column(table: "pd.DataFrame", known: tuple[str, ...], file: Path) -> str:
    for name in known:
        if name in table:
            return name
    columns = ", ".join(map(str, table.columns))
    raise refused(f"{file} has no column '{known[0]}' (or {', '.join(known[1:4])})", f"its columns are {columns}")


def _word(value: object) -> str:
    """A cell as a name; 3.0, which a column with gaps makes of 3, is 3."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _classes(label: "pd.Series", file: Path) -> tuple[str, ...]:
    if any(isinstance(value, (list, tuple, dict, set, np.ndarray)) for value in label):
        raise refused(f"{file}: a row has several labels", "Fitscape takes one class per image")
    return tuple(
        sorted(set(map(_word, label)), key=lambda name: (not name.isdecimal(), name.isdecimal() and int(name), name))
    )


def _parts(table: "pd.DataFrame", file: Path) -> Parts | None:
    column = next((name for name in SPLITS if name in table), None)
    if column is None:
        return None
    words = ["" if word.lower() in UNGIVEN else word for word in map(_word, table[column])]
    unknown = sorted({word for word in words if word and word.lower() not in SPELLINGS})
    if unknown:
        raise refused(f"{file}: column '{column}' says {', '.join(unknown[:5])}", "its words are train, val and test")
    parts = np.array([SPELLINGS[word.lower()] if word else SplitPart.DRAWN for word in words], dtype=np.int8)
    return None if (parts == SplitPart.DRAWN).all() else parts


def _files(names: list[str], root: Path) -> tuple[Path, ...]:
    """Raises UserError: a URL, a path that leads out of the list's folder, or a file that is not there."""
    urls = [name for name in names if "://" in name]
    if urls:
        raise refused(f"{len(urls)} rows name a URL, for example {urls[0]}", "download them first")
    paths = tuple(root / name for name in names)
    inside = root.resolve()
    outside = [n for n, p in zip(names, paths, strict=True) if not Path(n).is_absolute() and not _below(p, root)]
    outside += [n for n, p in zip(names, paths, strict=True) if Path(n).is_absolute() and not _below(p, inside, root)]
    if outside:
        raise refused(
            f"{len(outside)} rows name files outside {root}, for example {outside[0]}", "put the list beside its images"
        )
    missing = [name for name, path in zip(names, paths, strict=True) if not path.is_file()]
    if missing:
        shown = ", ".join(text(name) for name in missing[:SHOWN])
        raise refused(
            f"{len(missing)} of {len(names)} files are not there, the first: {shown}", f"paths start at {root}"
        )
    return paths


def _below(path: Path, *folders: Path) -> bool:
    plain = Path(*path.parts)  # without following links: a list may name linked images
    return ".." not in plain.parts and any(plain.is_relative_to(folder) for folder in folders)
