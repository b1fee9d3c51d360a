"""The user's code imported for the first time, in a process of its own that may crash, hang or print."""

import inspect
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fitscape.models.reference import CodeReference, NoSuchCode
from fitscape.models.spec import Value
from fitscape.study.errors import UserError
from fitscape.study.isolated import Crashed, TookTooLong, call_within
from fitscape.study.plugins.code import Code
from fitscape.study.plugins.named import Named, Role

IMPORT_WITHIN = 60.0  # seconds for all modules; torch takes two of them
MANY_LINES = 100  # printed lines from which it is said
# What each kind of code is called with; a network takes keywords of its own besides.
CALLED: dict[Role, tuple[str, ...]] = {
    "network": ("channels", "classes"),
    "data set": (),
    "loss": ("logits", "labels"),
    "trial": ("params", "data", "report"),
    "sampler": ("space",),
}
HYPERPARAMETER = bool | int | float | str


@dataclass(frozen=True)
class Signature:
    """The keywords of a network beyond channels and classes."""

    defaults: dict[str, Value]  # those that are hyperparameters
    required: tuple[str, ...]  # those without a default
    open: bool  # whether it takes any keyword (``**more``)


@dataclass(frozen=True)
class Examined:
    """What importing the code showed."""

    networks: dict[str, Signature]  # by the reference's text
    lines: int  # that it printed


@lru_cache(maxsize=8)
def examine(code: Code) -> Examined:
    """Import every name of the study's code, and look how it can be called.

    Raises:
        UserError: it cannot be imported, takes too long, crashes, or cannot be called as its role asks.
    """
    named = ", ".join(dict.fromkeys(name.reference.file or name.reference.module for name in code.named))
    try:
        return call_within(IMPORT_WITHIN, _examine, code)
    except TookTooLong:
        what = f"importing it takes more than {IMPORT_WITHIN:g} s"
        raise UserError(what, where=named, fix="put what runs into functions") from None
    except Crashed as error:
        raise UserError(f"importing it crashes ({error.by})", where=named) from None


def notices(code: Code, lines: int) -> Iterator[str]:
    """What is said of the code before it runs."""
    if code.hashes:
        yield f"your own code runs in this study: {code.digest}"
    if lines >= MANY_LINES:
        yield f"it printed {lines:,} lines as it was imported; they are not shown"


def _examine(code: Code) -> Examined:
    code.install()
    networks = {}
    with _counted() as lines:
        for name in code.named:
            found = _import(name)
            if name.role == "network":
                networks[str(name.reference)] = _signature(name, found)
            else:
                _require_call(name, found, CALLED[name.role])
    return Examined(networks, lines())


def _import(name: Named) -> Any:
    try:
        found = name.reference.load()
    except NoSuchCode as error:
        where = str(name.reference)
        raise UserError(str(error).removeprefix(f"{where}: "), where=where) from None
    except BaseException as error:  # noqa: BLE001  (a module may even call sys.exit)
        raise UserError(f"cannot be imported: {said(error, name.reference)}", where=str(name.reference)) from None
    if not callable(found):
        raise UserError(f"is a {type(found).__name__}, which cannot be called", where=str(name.reference))
    return found


def said(error: BaseException, reference: CodeReference) -> str:
    """An error of the user's code in one line, with the last line of that code on the way to it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if os.path.basename(frame.filename) == (reference.file or "__init__.py")]
    try:
        text = str(error).strip().partition("\n")[0]
    except Exception:  # noqa: BLE001  (the error's own code fails)
        text = ""
    place = f" (line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


def _signature(name: Named, found: Callable[..., Any]) -> Signature:
    _require_call(name, found, CALLED["network"], more=True)
    parameters = list(_parameters(name, found))
    rest = [p for p in parameters[2:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return Signature(
        defaults={p.name: p.default for p in rest if isinstance(p.default, HYPERPARAMETER)},
        required=tuple(p.name for p in rest if p.default is p.empty),
        open=any(p.kind is p.VAR_KEYWORD for p in parameters),
    )


def _parameters(name: Named, found: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    try:
        yield from inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        raise UserError("has no signature that Python can read", where=str(name.reference)) from None


def _require_call(name: Named, found: Callable[..., Any], given: tuple[str, ...], *, more: bool = False) -> None:
    """Refuse what cannot be called with so many arguments; with ``more``, keywords without a default are no fault."""
    parameters = list(_parameters(name, found))
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    if len(by_position) < len(given) or (len(needed) > len(given) and not more):
        takes = ", ".join(p.name for p in parameters)
        raise UserError(
            f"takes ({takes}), and a {name.role} is called with ({', '.join(given)}{', ...' if more else ''})",
            where=str(name.reference),
        )


@contextmanager
def _counted() -> Iterator[Callable[[], int]]:
    """Inside, what this process prints goes to a file; afterwards the function tells how many lines that were."""
    with tempfile.TemporaryFile() as printed:
        kept = [os.dup(1), os.dup(2)]
        for number in (1, 2):
            os.dup2(printed.fileno(), number)
        lines = 0
        try:
            yield lambda: lines
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, original in zip((1, 2), kept, strict=True):
                os.dup2(original, number)
                os.close(original)
            printed.seek(0)
            lines = sum(block.count(b"\n") for block in iter(lambda: printed.read(2**20), b""))
