"""A table in a file, as spreadsheets, loggers and pandas write it: its encoding, separator and numbers as text."""

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow.parquet as pq

from fitscape.study.errors import UserError
from fitscape.study.importing.names import in_percent
from fitscape.study.importing.runs import require_readable

ENDINGS: Final = (".csv", ".tsv", ".parquet", ".json", ".jsonl")
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_SEPARATORS: Final = ",;\t"
_MISSING: Final = frozenset({"", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "<NA>"})  # as pandas has it
_NOT_FINITE: Final = r"[+-]?(nan|inf|infinity)"
_WHOLE: Final = re.compile(r"[+-]?\d+")
_POINT: Final = re.compile(rf"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|{_NOT_FINITE}", re.IGNORECASE)
_COMMA: Final = re.compile(rf"[+-]?(\d+,?\d*|,\d+)(e[+-]?\d+)?|{_NOT_FINITE}", re.IGNORECASE)
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


def read_file(path: Path) -> pd.DataFrame:
    """The table in a file.

    Of text, columns are separated by commas, semicolons or tabs; numbers may have a decimal comma or a per cent sign.
    A number that is no finite one stays as text ("nan", "inf"), because a run that diverged has ended, and an empty
    cell says nothing. Of JSON, what is nested gets a dotted name.

    Raises:
        UserError: it cannot be read as what its ending says, or is too large.
    """
    ending = path.suffix.lower()
    try:
        require_readable(str(path), size=_unpacked(path))
        match ending:
            case ".parquet":
                return pd.read_parquet(path)
            case ".json" | ".jsonl":
                return _flat(pd.read_json(path, lines=ending == ".jsonl", precise_float=True))
            case _:
                return _text(path)
    except UserError:
        raise
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 (byte {error.start:,} is 0x{error.object[error.start]:02x})"
        raise UserError(what, where=str(path), fix="save it as UTF-8; Excel calls it 'CSV UTF-8'") from None
    except (
        OSError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:  # pandas' and pyarrow's own errors are ValueErrors
        first = " ".join(str(error).split())[:200]
        fix = f"is it a whole {ending.removeprefix('.')} file?"
        raise UserError(f"cannot be read: {first}", where=str(path), fix=fix) from None


def _unpacked(path: Path) -> int:
    """Bytes of the table, of a Parquet file those before it was compressed."""
    if path.suffix.lower() != ".parquet":
        return path.stat().st_size
    groups = pq.read_metadata(path)
    return sum(groups.row_group(i).total_byte_size for i in range(groups.num_row_groups))


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of mappings as columns of their values: ``{"params": {"lr": 1}}`` becomes ``params.lr``."""
    nested = [name for name in frame.columns if frame[name].map(lambda cell: isinstance(cell, dict)).any()]
    return pd.json_normalize(frame.to_dict("records")) if nested else frame  # type: ignore[arg-type]


def _text(path: Path) -> pd.DataFrame:
    with path.open("rb") as file:
        encoding = "utf-16" if file.read(2) in _UTF16 else "utf-8-sig"
    with path.open(encoding=encoding, newline="") as lines:
        head = lines.readline()
    separator = _separator(head, path.suffix.lower())
    cells = pd.read_csv(path, sep=separator, encoding=encoding, dtype=str, keep_default_na=False, skipinitialspace=True)
    read = {name: _column(str(name), cells[name].tolist(), separator) for name in cells.columns}
    return pd.DataFrame(read)


def _separator(head: str, ending: str) -> str:
    """What parts the first line into most names; where several do, what the ending says."""
    usual = "\t" if ending == ".tsv" else ","
    names = {one: len(next(csv.reader([head], delimiter=one), [])) for one in _SEPARATORS}
    return max(_SEPARATORS, key=lambda one: (names[one], one == usual))


def _column(name: str, texts: Sequence[str], separator: str) -> list[Any]:
    """The cells of a column: all numbers, all truth values, or text; None where a cell is empty."""
    cells = [None if text.strip() in _MISSING else text.strip() for text in texts]
    given = [cell for cell in cells if cell is not None]
    if given and {cell.lower() for cell in given} <= {"true", "false"}:
        return [None if cell is None else cell.lower() == "true" for cell in cells]
    number = _number(name, given, separator)
    return [None if cell is None else number(cell) for cell in cells]


def _number(name: str, given: Sequence[str], separator: str) -> Callable[[str], Any]:
    """What a cell of a column is: a number, or its text where some cell is no number."""
    percent = any(cell.endswith("%") for cell in given)
    bare = [cell.removesuffix("%").rstrip() for cell in given]
    # 1,234 may be a thousand and more. Where commas separate columns, or all have three digits, it stays text.
    comma = any("," in cell for cell in bare) and (
        separator != "," or not all("," not in cell or _THOUSANDS.fullmatch(cell) for cell in bare)
    )
    like = _COMMA if comma else _POINT
    if not all(like.fullmatch(cell) for cell in bare):
        return lambda cell: None if cell.lower() == "nan" else cell
    whole = not percent and all(_WHOLE.fullmatch(cell) for cell in bare)
    share = percent and not in_percent(name)  # a column called "error (%)" is read as per cents by its name

    def number(cell: str) -> Any:
        text = cell.removesuffix("%").rstrip().replace(",", ".")
        if not any(character.isdigit() for character in text):
            return text  # no finite number
        return int(text) if whole else float(text) / 100 if share else float(text)

    return number
