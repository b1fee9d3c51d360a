"""``--set key.path=value``: single values of a study replaced, with their own place in every message."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from fitscape.study.errors import UserError
from fitscape.study.plugins import named
from fitscape.study.reading.document import Document, Key, dotted, parse, printable
from fitscape.study.reading.keys import did_you_mean, keys_at, takes_text, unknown_key


@dataclass(frozen=True)
class Override:
    """One value to replace."""

    key: Key
    value: Any
    option: str  # as a message names it: ``--set base.optimization.lr``
    extends: bool = False  # the values are put after those of a list that is there


def parse_set(text: str, option: str = "--set") -> Override:
    """``space.lr.low=1e-4`` -> an override; the value is YAML, but of a key that takes text the text as it is.

    Text may be quoted as in YAML, and null is nothing where the key may be left unset.

    Raises:
        UserError: no ``=``, an empty part of the key, or a value that is not YAML.
    """
    path, equals, value = text.partition("=")
    parts = tuple(int(p) if p.isdecimal() and len(p) < 9 else p for p in path.strip().split("."))
    if not equals or "" in parts:
        example = "base.model.width=0.5" if option == "--set" else "width=0.5"
        raise UserError(f"'{printable(text)}' is not KEY=VALUE", where=option, fix=f"as in {option} {example}")
    option = f"{option} {printable(path.strip())}"
    return Override(parts, _value(parts, value, option), option)


def _value(key: Key, text: str, option: str) -> Any:
    """In YAML, `` #`` would begin a comment and ``: `` a mapping, which a path may well hold."""
    bare = text.strip()
    quoted = len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\""
    if not takes_text(key) or quoted or bare in ("null", "~", ""):
        return parse(text, option).value
    return bare


def apply(document: Document, overrides: Iterable[Override]) -> Document:
    """The document with its values replaced.

    Raises:
        UserError: an unknown key, or a key inside something that holds none.
    """
    value = copy.deepcopy(document.value)
    replaced = dict(document.replaced)
    for override in overrides:
        document = replace(document, replaced=replaced)
        _put(value, override, document)
        replaced[override.key] = override.option
    return replace(document, value=value, replaced=replaced)


def _put(value: Any, override: Override, document: Document) -> None:
    section = value
    last = len(override.key) - 1
    for depth, part in enumerate(override.key):
        known = keys_at(override.key[:depth])
        if known is not None and part not in known and not _may_be_own(value, override.key[: depth + 1]):
            what, hint = unknown_key(override.key[: depth + 1])
            raise UserError(what, where=override.option, fix=hint)
        if not _takes(section, part):
            holder = dotted(override.key[:depth])
            raise UserError(f"{holder} holds no {part}", where=override.option)
        if depth == last:
            there = section.get(part) if override.extends and isinstance(section, dict) else None
            section[part] = [*there, *override.value] if isinstance(there, list) else override.value
        else:
            section = _opened(section, part, document, override.key[: depth + 1])


def _may_be_own(study: Any, key: Key) -> bool:
    """Whether a hyperparameter may be a keyword of the user's own code: whether it is, is asked later."""
    return key[0] == "space" and len(key) == 2 and isinstance(study, dict) and bool(named(study))


def _takes(section: Any, part: str | int) -> bool:
    if isinstance(section, list):
        return isinstance(part, int) and part < len(section)
    return isinstance(section, dict) and isinstance(part, str)


def _opened(section: Any, part: Any, document: Document, key: Key) -> Any:
    """The section below, made where it is not there; a named search space becomes its hyperparameters."""
    if isinstance(section, dict) and section.get(part) is None:
        section[part] = {}
    if key == ("space",) and isinstance(section[part], str):
        section[part] = _hyperparameters_of(section[part], document)
    return section[part]


def _hyperparameters_of(space: str, document: Document) -> dict[str, Any]:
    """A named search space as the hyperparameters that a config writes down, so that one of them can be changed."""
    from fitscape import search_spaces
    from fitscape.study.search.space import hyperparameters

    if space not in search_spaces.names():
        raise unknown_space(space, document)
    return {
        name: hyperparameter.model_dump(mode="json")
        for name, hyperparameter in hyperparameters(search_spaces.get(space)).items()
    }


def unknown_space(space: str, document: Document) -> UserError:
    """The name of no search space."""
    from fitscape import search_spaces

    what = f"no search space is called '{printable(space)}'"
    return UserError(what, where=document.where(("space",)), fix=did_you_mean(space, search_spaces.names()))
