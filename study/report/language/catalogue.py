"""English sentences and what they are in another language, with places for what is put in."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

from fitscape.study.report.language.particles import chosen

NUMBER: Final = (
    r"(?:(?:below|above|about|at most|at least) )?[-+]?\d[\d,.]*(?:e[-+]?\d+)?(?:[\u00a0 ](?:%|[kMGT]|s|min|h))?"
)
_PLACE = re.compile(r"\{(\w+)\}")
_ANY = r"(?:(?![.?!]\s[A-Z]).)+?"  # no place goes on past the end of a sentence
_INTERVAL = r"(?:(?![.?!]\s[A-Z])[^();])+?"  # nor does an interval
_OF_NUMBER = re.compile(r"n\d*")
_PERCENT = re.compile(r"(?<=\d) %")  # stays with its number
_LATIN = re.compile(r"[A-Za-z]{2}")
_GLYPHS: Final = " \n\t●▲▼✕✚◇○⚑✓✗·.,"
_SENTENCES = re.compile(r"(?<=[.?!])\s+(?=[A-Z#\d<(-])")
_LIST = re.compile(r"(, |; | · |<br>| / )")


class Catalogue:
    """Calling it translates a text; what it does not know stays English.

    A message has places: ``{net}`` for any text, ``{n}`` and ``{n1}`` for a number with its unit, ``{i}`` an interval.
    What stands there is translated by itself. A text that is no message is taken by its sentences, then by its commas.
    """

    def __init__(self, language: str, messages: Mapping[str, str]) -> None:
        self.language, self.messages = language, messages
        self._patterns: dict[str, list[_Pattern]] = {}
        for message in sorted(messages, key=lambda message: -len(_PLACE.sub("", message))):
            if _PLACE.search(message):
                self._patterns.setdefault(_begin(message), []).append(_Pattern(message))
        self._known: dict[str, str | None] = {}

    def in_scripts(self) -> dict[str, str] | None:
        """The messages for the page's scripts, which choose no particles; None: there is nothing to translate."""
        return {text: said for text, said in self.messages.items() if chosen(said) == said} or None

    def __call__(self, text: str) -> str:
        core = text.rstrip().lstrip(_GLYPHS)
        if not self.messages or not _LATIN.search(core):
            return text
        found = self._found(core)
        return text if found is None else text.replace(core, _PERCENT.sub("\u00a0%", found), 1)

    def knows(self, text: str) -> bool:
        """Whether something of it is put into the language; a text without a word is known."""
        return not _LATIN.search(text) or self._found(text.strip()) is not None

    def _found(self, text: str) -> str | None:
        text = text.replace("\u00a0", " ")  # before a percent sign; messages have none
        if text not in self._known:
            self._known[text] = self._message(text) or self._by_parts(text, _SENTENCES) or self._by_list(text)
        return self._known[text]

    def _message(self, text: str) -> str | None:
        for known in (text, text[:1].lower() + text[1:]):
            if known in self.messages:
                return self.messages[known]
        for pattern in self._candidates(text):
            if found := pattern.match(text):
                values = {name[1:]: self(value) for name, value in found.groupdict().items()}
                return chosen(_filled(self.messages[pattern.message], values))
        return None

    def _candidates(self, text: str) -> Iterator["_Pattern"]:
        yield from self._patterns.get(text[:2], ())
        yield from self._patterns.get("", ())

    def _by_parts(self, text: str, between: re.Pattern[str]) -> str | None:
        parts = between.split(text)
        return " ".join(map(self, parts)) if len(parts) > 1 and any(map(self._found, parts)) else None

    def _by_list(self, text: str) -> str | None:
        parts = _LIST.split(text)
        return "".join(map(self, parts)) if len(parts) > 1 and any(map(self._found, parts[::2])) else None


class _Pattern:
    """A message with places, compiled for the first text that has all of its words: a page has few of them."""

    def __init__(self, message: str) -> None:
        self.message = message
        self._words = _PLACE.split(message)[::2]

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        return re.compile(_expression(self.message), re.DOTALL)

    def match(self, text: str) -> re.Match[str] | None:
        """Of the whole text."""
        return self._expression.fullmatch(text) if all(words in text for words in self._words) else None


def _filled(message: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: values[place[1]], message)


def _begin(message: str) -> str:
    """What a text must begin with to be the message; empty where that is a place."""
    return "" if "{" in message[:2] else message[:2]


def _expression(message: str) -> str:
    parts = _PLACE.split(message)
    expression, seen = "", set()
    for k, part in enumerate(parts):
        if k % 2 == 0:
            expression += re.escape(part)
        elif part in seen:
            expression += f"(?P=_{part})"
        else:
            seen.add(part)
            kind = NUMBER if _OF_NUMBER.fullmatch(part) else _INTERVAL if part == "i" else _ANY
            expression += f"(?P<_{part}>{kind})"
    return expression
