"""Check published figures against the committed data that they come from: `python tools/published_numbers.py`.

published_numbers.yaml lists, for each page, the files and the figures. A figure is the text of the page with values of
the file in braces; the text that comes out must be on the page:

    of a .json  a path: `{ratios/plain/median:.2f}`, `{low*100:.1f}`, `{10^[5]/estimate:.3f}`
    of a .csv   a column's expression in SQL, and which rows: `{avg(train_error) | depth=56 and lr=0.01*100:.0f}`,
                or a whole query of the table `t`
    of another  no braces: the file has the same text

Numbers that were not measured here stand under `stated`, by what they are: a setting, a goal, a figure of a cited
paper. A changed digit on either side, and a numeral that is in neither list, ends with exit code 1. Names, dates,
versions, code, exit codes, and the numbers of sections, tables and rows are no numerals.
"""

import argparse
import csv
import itertools
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]
LIST = Path(__file__).with_name("published_numbers.yaml")
NUMERAL = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?![\w])")
NO_NUMERAL = re.compile(
    r"`[^`]*`|\]\([^)]*\)|\w*[A-Za-z]-\d+\b|\b\d+x\d+\b|\b\d+\.\d+\.\d+\b"
    r"|\b(?:[Ss]ections?|[Ff]igures?|[Tt]ables?|[Dd]ecisions?|Python|MLflow|Ray|torch) \d+(?:\.\d+)*"
    r"|\| \| \d+[a-z]? \||\b[Rr]ows? \d+(?:, \d+)*|\bAs \d+|\b[Ee]xit(?: codes?)? \d+"
    r"|\b(?:\d\d? [A-Z][a-z]+ )?(?:19|20)\d\d(?:-\d\d-\d\d)?[ab]?\b"
)
VALUE = re.compile(r"\{([^{}]+?)(?:\*(-?[\d.]+))?(?::([^{}:]+))?\}")
STATED = "stated"  # the key of what was not measured here: kind -> texts


@dataclass(frozen=True)
class Figure:
    """One figure of a page: where its text stands, or why it does not."""

    page: str
    text: str
    source: str
    found: tuple[int, ...]  # places in the page, line breaks and runs of blanks counted as one blank


def value(data: Any, path: str) -> Any:
    """The value at ``a/b[2]/c``; ``[claim=Degradation: plain56]`` is the one entry whose claim begins so."""
    for name, index in re.findall(r"([^/\[\]]+)|\[([^\]]+)\]", path):
        if name:
            data = data[name]
        elif index.isdecimal():
            data = data[int(index)]
        else:
            key, _, wanted = index.partition("=")
            (data,) = [entry for entry in data if str(entry[key]).startswith(wanted)]
    return data


class Table:
    """A .csv as the table ``t`` of a database; cells that look like numbers are numbers."""

    def __init__(self, file: Path) -> None:
        rows = list(csv.reader(file.open(encoding="utf-8", newline="")))
        self._base = sqlite3.connect(":memory:")
        columns = ", ".join(f'"{name}" NUMERIC' for name in rows[0])
        self._base.execute(f"CREATE TABLE t ({columns})")
        self._base.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(rows[0]))})", rows[1:])

    def value(self, asked: str) -> Any:
        """The one value of ``expression | condition``, or of a query.

        Raises:
            KeyError: no row fits.
        """
        expression, _, condition = asked.partition(" | ")
        query = asked if asked.startswith("SELECT") else f"SELECT {expression} FROM t WHERE {condition or 1}"
        (found,) = self._base.execute(query).fetchone()
        if found is None:
            raise KeyError(asked)
        return found


def source_data(file: Path) -> Any:
    if file.suffix == ".csv":
        return Table(file)
    text = file.read_text(encoding="utf-8")
    return json.loads(text) if file.suffix == ".json" else one_line(text)


def rendered(text: str, data: Any) -> str:
    """The text with the values of a file in the place of what stands in braces."""

    def one(match: re.Match[str]) -> str:
        path, factor, form = match.groups()
        power, path = path.startswith("10^"), path.removeprefix("10^")
        number = data.value(path) if isinstance(data, Table) else value(data, path)
        number = 10**number if power else number
        if factor:
            number = number * float(factor)
        return format(number, form or "")

    return VALUE.sub(one, text)


def one_line(text: str) -> str:
    return " ".join(text.split())


def figures(listed: dict[str, dict[str, Any]], root: Path = REPOSITORY) -> Iterator[Figure]:
    """Every figure of the list, with the places where it stands.

    Raises:
        KeyError: the file does not hold what a figure names.
    """
    for page, files in listed.items():
        prose = one_line((root / page).read_text(encoding="utf-8"))
        for source, texts in files.items():
            data = None if source == STATED else source_data(root / source)
            for text in itertools.chain(*texts.values()) if isinstance(texts, dict) else texts:
                wanted = one_line(text if data is None else rendered(text, data))
                if isinstance(data, str) and wanted not in data:
                    raise KeyError(f"{source} does not hold '{wanted}'")
                whole = re.compile(rf"(?<![\d.,]){re.escape(wanted)}(?!\d|[.,]\d)")
                yield Figure(page, wanted, source, tuple(m.start() for m in whole.finditer(prose)))


def untraced(page: str, found: list[Figure], root: Path = REPOSITORY) -> list[str]:
    """The numerals of a page that are in no figure, each with the words around it."""
    prose = one_line((root / page).read_text(encoding="utf-8"))
    spans = [(at, at + len(figure.text)) for figure in found if figure.page == page for at in figure.found]
    spans += [match.span() for match in NO_NUMERAL.finditer(prose)]
    numerals = [(match.start() + (match[0][0] in "+-"), match.end()) for match in NUMERAL.finditer(prose)]
    return [
        prose[max(0, start - 40) : end + 20]
        for start, end in numerals
        if not any(begin <= start < last for begin, last in spans)
    ]


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    listed = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    found = list(figures(listed))
    missing = [figure for figure in found if not figure.found]
    for figure in missing:
        print(f"{figure.page}: '{figure.text}' is what {figure.source} says, and the page does not")
    left = {page: untraced(page, found) for page in listed}
    for page, places in left.items():
        for place in places:
            print(f"{page}: '...{place}...' has a number without a source")
    stated = sum(figure.source == STATED for figure in found)
    print(f"{len(found) - stated} figures with a source, {stated} texts of settings, goals and papers", end="; ")
    print(f"{len(missing)} differ, {sum(map(len, left.values()))} numbers lack a source")
    return 1 if missing or any(left.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
