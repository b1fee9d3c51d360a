"""The language of the page, its pictures and the terminal's summaries.

Sentences are made in English, where their numbers are; what a person sees is put into another language on its way out
(decision 14). One catalogue a language, ``NAME.po``, in gettext's form.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Final

from fitscape.study.errors import UserError
from fitscape.study.report.language.catalogue import Catalogue

ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "ko")
VARIABLE: Final = "FITSCAPE_LANG"


@contextmanager
def using(language: str | None) -> Iterator[None]:
    """The language of this process, and of those that it starts, for a while; None: leave it as it is.

    Raises:
        UserError: there is no catalogue of it.
    """
    before = os.environ.get(VARIABLE)
    if language is not None:
        os.environ[VARIABLE] = language
    try:
        current(VARIABLE if language is None else "--lang")
        yield
    finally:
        if before is not None:
            os.environ[VARIABLE] = before
        elif language is not None:
            del os.environ[VARIABLE]


def current(where: str = VARIABLE) -> str:
    """``en``, unless ``FITSCAPE_LANG`` names another: ``ko``, or as locales are named ``ko_KR.UTF-8``.

    Args:
        where: what named it, for the message.

    Raises:
        UserError: there is no catalogue of it.
    """
    asked = os.environ.get(VARIABLE, "")
    name = asked.replace("-", "_").split("_")[0].split(".")[0].lower() or ENGLISH
    if name not in LANGUAGES:
        raise UserError(f"no language '{asked}'", where=where, fix=f"it is one of {', '.join(LANGUAGES)}")
    return name


def catalogue(language: str | None = None) -> Catalogue:
    """Of a language; None: of this process's. English translates nothing."""
    return _read(current() if language is None else language)


@cache
def _read(language: str) -> Catalogue:
    if language == ENGLISH:
        return Catalogue(language, {})
    from babel.messages.pofile import read_po

    with files(__name__).joinpath(f"{language}.po").open("rb") as file:
        return Catalogue(language, {str(one.id): str(one.string) for one in read_po(file) if one.id and one.string})


def say(text: str) -> str:
    """In the language of this process."""
    return catalogue()(text)


def aligned(line: str) -> str:
    """The same for a line of a summary, whose first column is a word of its own."""
    return "".join(say(part) for part in re.split(r"(\s{2,})", line))
