"""Code of the user's that a study names: examined before anything starts, its keywords written into the study."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fitscape.models.spec import DEPTHS, Value, is_own
from fitscape.study.config import RESERVED, StudyConfig, as_type_of
from fitscape.study.data import datasets
from fitscape.study.errors import UserError
from fitscape.study.plugins import Code, Named, code_of
from fitscape.study.plugins.examine import Examined, Signature, examine
from fitscape.study.plugins.named import announced
from fitscape.study.reading.document import Document, Key
from fitscape.study.reading.explain import Problem
from fitscape.study.reading.keys import did_you_mean
from fitscape.study.samplers import SAMPLERS

NAMING = ("architecture", "family")


def with_own_code(document: Document, found: Callable[[Code, Examined], object] | None = None) -> Document:
    """The document with announced names written out, plugins' absolute paths, and every keyword with its value.

    Args:
        found: gets the code and what importing it showed.

    Raises:
        UserError: the code is missing, cannot be imported, or does not take what the study gives it.
    """
    if not isinstance(document.value, dict):
        return document
    value = copy.deepcopy(document.value)
    for section, name, target in _announced_places(value):
        section[name] = target
    document = replace(document, value=value)
    try:
        code = code_of(value)
        if code is None:
            return document
        examined = examine(code)
    except UserError as error:
        raise _placed(error, document) from None
    if found is not None:
        found(code, examined)
    _fill(document, code, examined)
    return document


def keyword_problems(config: StudyConfig) -> Iterator[Problem]:
    """Keywords of the user's own network that are searched beside a network of ours, which lacks them."""
    space = config.space if isinstance(config.space, dict) else {}
    named = [value for name in NAMING for value in getattr(space.get(name), "choices", ())]
    lacking = next((name for name in named if not is_own(name)), None)
    for keyword in config.base.model.keywords:
        if lacking is not None and keyword in space:
            yield Problem(("space", keyword), f"is not a hyperparameter of {lacking}", "leave out one of the two")


def absolute_plugins(document: Document, folder: Path) -> Document:
    """The document with its plugins' paths absolute, relative ones below ``folder``."""
    plugins = document.value.get("plugins") if isinstance(document.value, dict) else None
    if not isinstance(plugins, list):
        return document
    paths = [str(folder.absolute() / Path(p).expanduser()) if isinstance(p, str) else p for p in plugins]
    return replace(document, value={**document.value, "plugins": paths})


def _placed(error: UserError, document: Document) -> UserError:
    """The error at its key in the document, where it names one."""
    key: Key = tuple(int(part) if part.isdecimal() else part for part in error.where.split("."))
    if key[0] not in ("base", "space", "data", "search", "enqueue", "plugins"):
        return error
    return UserError(error.what, where=document.where(key), fix=error.fix)


def _fill(document: Document, code: Code, examined: Examined) -> None:
    """Write every keyword of the base's network into ``base.model.keywords``."""
    networks = [name for name in code.named if name.role == "network"]
    base = document.value.setdefault("base", {})
    if not isinstance(base, dict) or not isinstance(base.setdefault("model", {}), dict):
        return  # which is refused elsewhere
    model = base["model"]
    if "family" not in model and base.get("trial"):
        model["family"] = base["trial"]
    given = model.get("keywords")
    if not networks or not isinstance(given, dict | None):
        return
    first = networks[0]
    if not is_own(model.get("family")):
        what = f"{first.reference} is searched, so base.model.family must be a network of your own"
        raise UserError(what, where=document.where(first.key), fix="make it base.model.family")
    signature = examined.networks[str(first.reference)]
    model["keywords"] = _keywords(first, signature, given or {}, document)
    for other in networks[1:]:
        _require_same(other, examined.networks[str(other.reference)], model["keywords"], first, document)


def _keywords(network: Named, signature: Signature, given: dict[str, Any], document: Document) -> dict[str, Value]:
    key: Key = ("base", "model", "keywords")
    known = [*signature.defaults, *signature.required]
    for name in given:
        if name not in known and not signature.open:
            fix = did_you_mean(name, known) if known else "it takes none"
            raise UserError(f"{network.reference} has no keyword {name}", where=document.where((*key, name)), fix=fix)
    lacking = [name for name in signature.required if name not in given]
    if lacking:
        what = f"{network.reference} needs a value for {', '.join(lacking)}"
        raise UserError(
            what, where=document.where(key), fix=f"write base: {{model: {{keywords: {{{lacking[0]}: ...}}}}}}"
        )
    found = {name: value for name, value in signature.defaults.items() if name not in RESERVED}
    for name, value in given.items():
        if name in RESERVED:
            what = f"{name} is one of Fitscape's own hyperparameters"
            raise UserError(what, where=document.where((*key, name)), fix="give the keyword another name")
        try:
            found[name] = as_type_of(found[name], value, name) if name in found else value
        except ValueError as error:
            raise UserError(str(error).partition(": ")[2], where=document.where((*key, name))) from None
    return found


def _require_same(
    other: Named, signature: Signature, keywords: dict[str, Value], first: Named, document: Document
) -> None:
    """All networks of a study's own code are called with the same keywords."""
    lacking = [] if signature.open else [name for name in keywords if name not in signature.defaults]
    if lacking:
        what = f"{other.reference} has no keyword {lacking[0]}, and {first.reference} has"
        fix = "give both the same keywords, or run two studies"
        raise UserError(what, where=document.where(other.key), fix=fix)


def _announced_places(value: dict[str, Any]) -> list[tuple[dict[str, Any], str, str]]:
    """Where a document has the name of announced code: the section, the key in it, and what the name stands for."""
    base = value.get("base")
    places = (
        (value.get("data"), "dataset", "data set", datasets.names()),
        (value.get("search"), "sampler", "sampler", SAMPLERS),
        (base.get("model") if isinstance(base, dict) else None, "family", "network", DEPTHS),
    )
    return [
        (section, key, target)
        for section, key, role, ours in places
        if isinstance(section, dict)
        and isinstance(name := section.get(key), str)
        and name not in ours
        and (target := announced(role).get(name))
    ]
