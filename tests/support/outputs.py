"""The outputs that docs/how-to/look-at-a-study.md shows: what its blocks print on a real study.

That study is ``tests/docs/quickstart.db.xz``, the ledger of a ``make demo``. ``make outputs`` runs the page on it and
writes what each block printed under the block; ``python tests/support/outputs.py FOLDER`` keeps another study's ledger
first.
"""

import json
import lzma
import math
import re
import sqlite3
import sys
import tempfile
from pathlib import Path

from pages import REPOSITORY, blocks, follow

PAGE = REPOSITORY / "docs/how-to/look-at-a-study.md"
LEDGER = REPOSITORY / "tests/docs/quickstart.db.xz"
SHOWN = re.compile(r"(?P<code>^```python\n.*?^```\n)(?:\n```text\n(?P<output>.*?)^```\n)?", re.M | re.S)


def quickstart(folder: Path) -> None:
    """Put the study where ``make demo`` would leave it."""
    study = folder / "fitscape-runs/quickstart"
    study.mkdir(parents=True)
    (study / "ledger.db").write_bytes(lzma.decompress(LEDGER.read_bytes()))


def printed(folder: Path) -> list[str]:
    """What each Python block of the page prints, in a folder with the study."""
    return follow(PAGE, folder, marks=True).split("\f")[1:]


def shown(page: Path = PAGE) -> list[str]:
    """What the page says that each Python block prints."""
    return [found["output"] or "" for found in SHOWN.finditer(page.read_text())]


def alike(left: str, right: str) -> bool:
    """The same words, and numbers within 2 % or one in the last place that is shown.

    Another processor may round the map's fit in another way.
    """
    pairs = [_words(left), _words(right)]
    return len(pairs[0]) == len(pairs[1]) and all(map(_same, *pairs))


def _words(text: str) -> list[str]:
    return re.sub(r"[(),:;'{}\[\]]", " ", text).split()


def _same(left: str, right: str) -> bool:
    try:
        return math.isclose(float(left), float(right), rel_tol=0.02, abs_tol=1.01 * max(_place(left), _place(right)))
    except ValueError:
        return left == right


def _place(number: str) -> float:
    """What the last digit after the point counts; nothing of a whole number, which is a count."""
    mantissa, _, exponent = number.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - digits) if digits else 0.0


def write(outputs: list[str]) -> None:
    """Put the outputs under their blocks."""
    left = iter(outputs)

    def with_output(block: re.Match[str]) -> str:
        output = re.sub(r" +$", "", next(left), flags=re.M)
        return block["code"] + (f"\n```text\n{output}```\n" if output else "")

    PAGE.write_text(SHOWN.sub(with_output, PAGE.read_text()))


def keep(study: Path) -> None:
    """Take a study's ledger: without gradient profiles, four fifths of it, and names of machine and folders."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        source, copy = sqlite3.connect(study / "ledger.db"), sqlite3.connect(file)
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        provenance = json.loads(copy.execute("SELECT provenance FROM study").fetchone()[0])
        provenance["data"]["folder"] = provenance["machine"]["host"] = ""
        copy.execute("UPDATE study SET provenance = ?", (json.dumps(provenance),))
        copy.execute("DELETE FROM profiles")
        copy.execute("UPDATE trials SET node = ''")
        for table in ("events", "labels", "cursors", "notes", "meta WHERE key LIKE 'mlflow%'"):
            copy.execute(f"DELETE FROM {table}")
        copy.commit()
        copy.execute("VACUUM")
        copy.close()
        LEDGER.write_bytes(lzma.compress(file.read_bytes(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    for study in sys.argv[1:]:
        keep(Path(study))
    with tempfile.TemporaryDirectory() as folder:
        quickstart(Path(folder))
        write(printed(Path(folder)))
    print(f"{PAGE.name}: {sum(block.language == 'python' for block in blocks(PAGE))} blocks run")
