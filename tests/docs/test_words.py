"""Plain English: words that are not used, in what people read and in what the code says."""

import io
import re
import subprocess
import tokenize
from pathlib import Path

import pytest
from pages import REPOSITORY

# What is not written -> what is. The log keeps the words of its day.
WORDS = {
    r"m[e]nd(s|ed|ing)?": "fix",
    r"dials?": "hyperparameter",
    r"untold|told": "given, shown, reported",
    r"(images|steps|rows?|seconds|ms|calls|epochs|[CG]PUs?) an? (trial|step|epoch|node|side|class)(?! sees)": "per",
    r"the first no sign": "begins with a letter or digit",
    r"trials all in all": "in all",
}
COLUMN = "dials"  # the ledger's column keeps its name
UNUSED = re.compile(rf"\b(?:{'|'.join(f'(?:{word})' for word in WORDS)})\b", re.IGNORECASE)


def files(*patterns: str) -> list[str]:
    found = subprocess.run(["git", "ls-files", *patterns], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [name for name in found.stdout.split() if not (REPOSITORY / name).is_symlink()]


PAGES = [name for name in files("*.md") if name != "docs/LOG.md" and not name.startswith(("results/", "benchmarks/"))]
SOURCES = files("study/*.py", "models/*.py", "search_spaces/*.py", "fitscape/*.py", "tools/*.py")


def prose(name: str) -> str:
    """A page without its code blocks; of a module its strings and comments, without what stands in braces."""
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    if name.endswith(".md"):
        return re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)
    kinds = {tokenize.STRING, tokenize.COMMENT}
    parts = [part.string for part in tokenize.generate_tokens(io.StringIO(text).readline) if part.type in kinds]
    return re.sub(r"\{[^{}]*\}", "", "\n".join(parts)).replace(COLUMN, "")


@pytest.mark.parametrize("name", [*PAGES, *SOURCES])
def test_words_that_are_not_used(name: str) -> None:
    found = {match[0] for match in UNUSED.finditer(prose(name))}
    assert not found, f"{Path(name)}: {sorted(found)}; see WORDS"
