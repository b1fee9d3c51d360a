"""The keys that a study has, read off its types: what an unknown key may have meant."""

import difflib
import types
import typing
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel

from fitscape.study.config import HYPERPARAMETERS, Choices, Range, StudyConfig
from fitscape.study.reading.document import Key


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a mistyped one is nearest to (Ratcliff-Obershelp, 0.6) or begins; None where none is."""
    folded = {name.lower(): name for name in known}
    word = word.lower()[:80]
    begun = [name for name in folded if len(word) >= 3 and name.startswith(word)]
    near = difflib.get_close_matches(word, folded, n=1, cutoff=0.6) or begun[:1]
    return folded[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for an unknown word: the nearest known one, or all of them."""
    known = list(known)
    near = closest(word, known)
    return f"did you mean {near}?" if near else f"choose from {', '.join(known)}"


def keys_at(key: Key) -> list[str] | None:
    """The keys of the section at ``key``; None where it is no section."""
    if key and key[0] == "space":
        levels: dict[int, list[str]] = {1: sorted(HYPERPARAMETERS), 2: [*Range.model_fields, *Choices.model_fields]}
        return levels.get(len(key))
    if key and key[0] == "enqueue":
        return sorted(HYPERPARAMETERS) if len(key) == 2 else None
    section: Any = StudyConfig
    for part in key:
        section = _sections(section).get(str(part)) if section else None
    return list(_keys(section)) if section else None


def takes_text(key: Key) -> bool:
    """Whether the value at a key is free text, as a path or a name is; a word of a list and a number are none."""
    section: Any = StudyConfig
    for part in key[:-1]:
        section = _sections(section).get(str(part)) if section else None
    hint = typing.get_type_hints(section).get(str(key[-1])) if section else None
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    return any(_plain(kind) is str for kind in kinds) and all(typing.get_origin(kind) is not dict for kind in kinds)


def unknown_key_hint(key: Key) -> str:
    """What an unknown key may have meant: a neighbour, or the same word in another section."""
    word = str(key[-1])
    neighbours = keys_at(key[:-1]) or []
    near = closest(word, neighbours)
    if near is None:
        elsewhere = [path for path in _paths() if path.rsplit(".", 1)[-1] == word]
        near = elsewhere[0] if elsewhere else None
    return f"did you mean {near}?" if near else f"choose from {', '.join(neighbours)}"


def unknown_key(key: Key) -> tuple[str, str]:
    """What is wrong with an unknown key, and what would be right."""
    noun = (
        "hyperparameter"
        if key[0] in ("space", "enqueue") and len(key) < 4 and keys_at(key[:-1]) == sorted(HYPERPARAMETERS)
        else "key"
    )
    return f"no such {noun}", unknown_key_hint(key)


@cache
def _paths() -> tuple[str, ...]:
    def walk(section: Any, prefix: str) -> Iterable[str]:
        for name in _keys(section):
            yield prefix + name
        for name, inner in _sections(section).items():
            yield from walk(inner, f"{prefix}{name}.")

    return tuple(walk(StudyConfig, ""))


def _keys(section: Any) -> Iterable[str]:
    return section.model_fields if issubclass(section, BaseModel) else [f.name for f in fields(section)]


@cache
def _sections(section: Any) -> dict[str, Any]:
    """The keys of a section that are sections themselves, with their types."""
    hints = typing.get_type_hints(section)
    return {name: hint for name, hint in ((n, _plain(h)) for n, h in hints.items()) if _is_section(hint)}


def _plain(hint: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return _plain(typing.get_args(hint)[0])
    if origin in (typing.Union, types.UnionType):  # a section that may be left unset is one all the same
        given = [part for part in typing.get_args(hint) if part is not type(None)]
        return _plain(given[0]) if len(given) == 1 else None
    return hint


def _is_section(hint: Any) -> bool:
    return isinstance(hint, type) and (issubclass(hint, BaseModel) or is_dataclass(hint))
