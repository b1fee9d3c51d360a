"""Whether a study may be gone on with: what has changed since it was started, and what of that matters."""

from collections.abc import Iterator, Mapping
from typing import Any

from fitscape.study.config import StudyConfig
from fitscape.study.errors import StudyChanged, UserError
from fitscape.study.ledger import Ledger

# These decide how and where trials run and are shown, not what they measure.
FREE = ("description", "plugins", "resources", "tracking")
FREE_KEYS = ("search.until",)
BOUND = ("resources.precision",)
COMPARED_CODE = ("fitscape", "trial_code", "torch", "own_code")
MISSING = "nothing"


def require_unchanged(
    before: tuple[StudyConfig, Mapping[str, Any]],
    now: tuple[StudyConfig, Mapping[str, Any]],
    *,
    allow: frozenset[str],
    where: str,
) -> None:
    """Refuse a resume that would mix trials that cannot be compared.

    Args:
        before: config and provenance in the ledger.
        now: config in the folder, provenance of this process.
        allow: ``config``, ``data``, ``code``: kinds of change that the user accepts.
        where: the study's folder, for the message.

    Raises:
        StudyChanged: the text has a line for each difference.
    """
    found = {
        "config": list(config_changes(before[0], now[0])),
        "data": list(_differences(before[1], now[1], ("data_fingerprint",))),
        "code": list(_differences(before[1].get("code", {}), now[1].get("code", {}), COMPARED_CODE)),
    }
    refused = {kind: lines for kind, lines in found.items() if lines and kind not in allow}
    if refused:
        lines = [f"  {kind}: {line}" for kind, lines in refused.items() for line in lines]
        raise StudyChanged(
            "has changed since it was started:\n" + "\n".join(lines) + "\n ",
            where=where,
            fix=f"undo it, start a study of another name, or accept it with --allow {','.join(refused)}",
        )


def require_run_here(ledger: Ledger) -> None:
    """Refuse a study that was read: nothing here can run its trials.

    Raises:
        UserError: it was; the text says from where.
    """
    if (read := ledger.read_from) is not None:
        what = f"was read from {read['source']}, so there is nothing to resume"
        fix = "run its points where the others ran, then read them again: fitscape map NAME --points json"
        raise UserError(what, where=str(ledger.path.parent), fix=fix)


def config_changes(before: StudyConfig, now: StudyConfig) -> Iterator[str]:
    """A line for each value that matters; a raised number of trials does not."""
    old, new = _flat(before.model_dump(mode="json")), _flat(now.model_dump(mode="json"))
    for key in [*old, *(new.keys() - old.keys())]:
        if old.get(key, MISSING) == new.get(key, MISSING) or _is_free(key):
            continue
        if key == "search.trials" and new[key] > old[key]:
            continue
        yield f"{key} was {old.get(key, MISSING)}, is {new.get(key, MISSING)}"


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        if before.get(key) != now.get(key):
            yield f"{key} was {before.get(key, MISSING)}, is {now.get(key, MISSING)}"


def _is_free(key: str) -> bool:
    return key not in BOUND and (key.split(".")[0] in FREE or key.startswith(FREE_KEYS))


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` as ``{"a.b": 1}``; lists stay whole."""
    if not isinstance(value, dict) or not value:
        return {prefix.rstrip("."): value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}{key}.")
    return flat
