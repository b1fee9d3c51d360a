"""pydantic's errors, said for people: what is wrong at which key, and what would be right."""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fitscape.study.config import HYPERPARAMETERS, Range
from fitscape.study.errors import UserError
from fitscape.study.reading.document import Document, Key, printable
from fitscape.study.reading.keys import closest, keys_at, unknown_key

NAME_RULE = "letters, digits, '.', '_' and '-', a letter or digit first, at most 80"
KINDS: dict[str, str] = {"int": "a whole number", "float": "a number", "bool": "true or false", "string": "text"}
MISSING, UNKNOWN = "is missing", "no such"
BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a document."""

    key: Key
    what: str
    fix: str = ""

    def error(self, document: Document, others: int = 0) -> UserError:
        more = f"{others} more problem{'s' if others > 1 else ''}" if others else ""
        fix = "; ".join(filter(None, (self.fix, more)))
        return UserError(self.what, where=document.where(self.key), fix=fix)


def shown(value: Any) -> str:
    """A value as the user wrote it, in one short line."""
    if isinstance(value, str):
        return f"'{printable(value, 40)}'"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.12g}"
    return printable(json.dumps(value), 40)


def problems(error: ValidationError, document: Any) -> list[Problem]:
    """Every problem of a document that pydantic refused, unknown keys first (they explain missing ones)."""
    found: dict[Key, Problem] = {}
    for detail in error.errors(include_url=False, include_context=True):
        problem = _problem(detail, document)
        if problem is not None:
            found.setdefault(problem.key, problem)
    unknown = {key[:-1] for key, problem in found.items() if problem.what.startswith(UNKNOWN)}
    return sorted(
        (p for p in found.values() if not (p.what == MISSING and p.key[:-1] in unknown)),
        key=lambda p: not p.what.startswith(UNKNOWN),
    )


def explain(error: ErrorDetails, key: Key, value: Any) -> Problem:
    """One of pydantic's errors about the value at ``key``."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return Problem(key, *unknown_key(key))
    if kind == "missing":
        return Problem(key, MISSING, _example(key))
    if kind in BOUNDS:
        name, words = BOUNDS[kind]
        return Problem(key, f"{shown(value)} is not {words} {context[name]:g}")
    if kind == "finite_number":
        return Problem(key, f"{shown(value)} is not a finite number")
    if kind == "literal_error":
        return _not_one_of(key, value, context["expected"])
    if kind == "string_pattern_mismatch":
        return Problem(key, f"{shown(value)} is not a name", NAME_RULE)
    if kind == "too_short":
        return Problem(key, "needs at least one value")
    if kind == "value_error":
        return raised(key, str(context["error"]), value)
    if value is None:
        return Problem(key, "has no value", "give it one, or leave the key out")
    if kind in ("dict_type", "model_type", "dataclass_type", "model_attributes_type"):
        known = ", ".join(keys_at(key) or ())
        return Problem(key, f"{shown(value)} is not a mapping", f"it takes the keys {known}" if known else "")
    if kind in ("tuple_type", "list_type"):
        return Problem(key, f"{shown(value)} is not a list", "write [a, b]")
    expected = KINDS.get(kind.split("_", 1)[0])
    if expected is None:
        return Problem(key, error["msg"][:1].lower() + error["msg"][1:])
    quote = expected == "text" and not isinstance(value, dict | list)
    return Problem(key, f"{shown(value)} is not {expected}", "put it in quotes" if quote else "")


def _problem(detail: ErrorDetails, document: Any) -> Problem | None:
    """The error at its key in the document; None where it belongs to a branch of a union that was not meant."""
    key, branches, value = _locate(detail, document)
    if key[:1] == ("space",) and branches and not _meant(branches, key, document["space"]):
        return None
    if len(key) == 1 and key[0] == "space":
        return Problem(
            key, f"{shown(value)} is not a space", "a mapping of hyperparameters, or the name of a search space"
        )
    if key[:1] == ("space",) and len(key) == 2 and detail["type"] == "model_type":
        choices = isinstance(value, list)
        return Problem(
            key,
            f"{shown(value)} is not a hyperparameter",
            "write {choices: [...]}" if choices else "{low:, high:} or {choices:}",
        )
    if key[:1] == ("space",) and "choices" in key and isinstance(key[-1], int):
        return Problem(key, f"{shown(value)} is not a choice", "a number, a word, true or false")
    if key[:1] == ("space",) and len(key) == 3 and key[-1] in Range.model_fields and "Choices" in branches:
        return Problem(key, "does not go with choices", "leave one out")
    if key == ("resources", "gpus_per_trial") and detail["type"] in ("float_type", "literal_error"):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return None  # a number out of bounds: the other branch of the union says so
        return Problem(key, f"{shown(value)} is not a number of GPUs", "a number such as 0, 0.5 or 1, or auto")
    return explain(detail, key, value)


def _locate(detail: ErrorDetails, document: Any) -> tuple[Key, list[str], Any]:
    """The key in the document, and the branches of unions that pydantic puts between its parts."""
    key: list[str | int] = []
    branches: list[str] = []
    value = document
    for i, part in enumerate(detail["loc"]):
        last = i == len(detail["loc"]) - 1
        if isinstance(value, dict) and part in value:
            key.append(part)
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            key.append(part)
            value = value[part]
        elif last and detail["type"] == "missing":
            key.append(part)
            value = None
        else:
            branches.append(str(part))
    return tuple(key), branches, value


def _meant(branches: list[str], key: Key, space: Any) -> bool:
    """Whether the branch of ``dict[str, Range | Choices] | str`` is the one that the user wrote."""
    if not isinstance(space, dict):
        return branches[0] == "str" or not isinstance(space, str)
    if branches[0] == "str":
        return False
    hyperparameter = space.get(str(key[1])) if len(key) > 1 else None
    if len(branches) < 2 or not isinstance(hyperparameter, dict):
        return True
    return (branches[1] == "Choices") == ("choices" in hyperparameter)


def _not_one_of(key: Key, value: Any, expected: str) -> Problem:
    known = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    near = closest(str(value), known)
    return Problem(key, f"{shown(value)} is not one of {', '.join(known)}", f"did you mean {near}?" if near else "")


def raised(key: Key, text: str, value: Any = None) -> Problem:
    """A ValueError of ours about the value at ``key``; a text that starts with a hyperparameter is about that one."""
    hyperparameter, colon, rest = text.partition(": ")
    own = isinstance(value, dict) and hyperparameter in value
    if colon and (hyperparameter in HYPERPARAMETERS or own):
        key, text = (*key, hyperparameter), rest
        value = value.get(hyperparameter) if isinstance(value, dict) else value
    choices = re.search(r" is not one of (.+)$", text)
    return _not_one_of(key, value, choices[1]) if choices else Problem(key, text)


def _example(key: Key) -> str:
    return "write `name: my-study`, or use --name" if key == ("name",) else ""
