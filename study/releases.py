"""What earlier releases stored, as this release reads it: the ids of trials, and configs in ledgers and folders.

Everything here works on plain values as JSON holds them, so that it needs no class of an earlier release.
"""

import hashlib
import json
from typing import Any

# Fields of a trial that came after 0.1.0, by section, each with what releases before it did. An id leaves a field
# out where it has that value, and a config that was stored without the field has that value, whatever new studies
# default to. An entry never changes and never goes: ids depend on it.
FROZEN: dict[str, dict[str, Any]] = {"evaluation": {"batch_norm": "running"}}

# Keys of a study's config that a later release took away, as paths. Stored configs still hold them.
GONE: tuple[tuple[str, ...], ...] = ()


def trial_id(config: dict[str, Any]) -> str:
    """12 hexadecimal digits of a trial's whole config, equal on every machine, version of Python and release.

    Hashes every field of 0.1.0 always, and a later one only where it differs from its value in ``FROZEN``.
    """
    hashed = dict(config)
    for section, fields in FROZEN.items():
        hashed[section] = {k: v for k, v in config[section].items() if k not in fields or v != fields[k]}
    canonical = json.dumps({k: v for k, v in hashed.items() if v != {}}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def trial_as_stored(config: dict[str, Any]) -> dict[str, Any]:
    """A stored trial's config with the later fields that it lacks; a section that is no mapping stays as it is."""
    held = {section: config.get(section, {}) for section in FROZEN}
    return {**config, **{s: {**FROZEN[s], **held[s]} if isinstance(held[s], dict) else held[s] for s in FROZEN}}


def study_as_stored(config: dict[str, Any]) -> dict[str, Any]:
    """A stored study's config, from a ledger or the study's folder: later fields filled in, keys that went left out."""
    for path in GONE:
        config = _without(config, path)
    base = config.get("base")
    return {**config, "base": trial_as_stored(base)} if isinstance(base, dict) else config


def _without(config: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    key, *rest = path
    inner = config.get(key)
    if not rest:
        return {k: v for k, v in config.items() if k != key}
    return {**config, key: _without(inner, tuple(rest))} if isinstance(inner, dict) else config
