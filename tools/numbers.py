"""Check published figures against the committed data that they come from: `python tools/numbers.py`.

tools/numbers.yaml lists, for each page, the files and the figures. A figure is the text of the page with values of
the file in braces, as `{ratios/plain/median:.2f}` or `{low*100:.1f}`; the text that comes out must be on the page. A
changed digit, on either side, ends with exit code 1 and the figure's name. Numerals that no figure covers are counted.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]
LIST = Path(__file__).with_name("numbers.yaml")
NUMERAL = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?![\w])")
VALUE = re.compile(r"\{([^{}]+?)(?:\*([\d.]+))?(?::([^{}:]+))?\}")


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


def rendered(text: str, data: Any) -> str:
    """The text with the values of a file in the place of what stands in braces."""

    def one(match: re.Match[str]) -> str:
        path, factor, form = match.groups()
        number = value(data, path)
        if factor:
            number = number * float(factor)
        return format(number, form or "")

    return VALUE.sub(one, text)


def one_line(text: str) -> str:
    return " ".join(text.split())


def figures(listed: dict[str, dict[str, list[str]]], root: Path = REPOSITORY) -> Iterator[Figure]:
    """Every figure of the list, with the places where it stands.

    Raises:
        KeyError: the file does not hold what a figure names.
    """
    for page, files in listed.items():
        prose = one_line((root / page).read_text(encoding="utf-8"))
        for source, texts in files.items():
            data = json.loads((root / source).read_text(encoding="utf-8"))
            for text in texts:
                wanted = one_line(rendered(text, data))
                whole = re.compile(rf"(?<![\d.,]){re.escape(wanted)}(?!\d|[.,]\d)")
                yield Figure(page, wanted, source, tuple(m.start() for m in whole.finditer(prose)))


def covered(page: str, found: list[Figure], root: Path = REPOSITORY) -> tuple[int, int]:
    """Numerals of a page: in some figure, and in all."""
    prose = one_line((root / page).read_text(encoding="utf-8"))
    spans = [(at, at + len(figure.text)) for figure in found if figure.page == page for at in figure.found]
    numerals = [match.start() for match in NUMERAL.finditer(prose)]
    return sum(any(begin <= at < end for begin, end in spans) for at in numerals), len(numerals)


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    listed = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    found = list(figures(listed))
    missing = [figure for figure in found if not figure.found]
    for figure in missing:
        print(f"{figure.page}: '{figure.text}' is what {figure.source} says, and the page does not")
    for page in listed:
        inside, total = covered(page, found)
        print(f"{page}: {inside} of {total} numerals are traced to a file")
    print(f"{len(found) - len(missing)} of {len(found)} figures agree with their files")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
