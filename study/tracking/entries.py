"""Params and tags within MLflow's limits, and nothing lost by it.

MLflow refuses keys with other characters than letters, digits and ``_-. :/`` and cuts values in silence, params at
6,000 and tags at 8,000 characters. A changed key has a tag that says so, a long value goes whole into numbered tags.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

PARAM_LIMIT = 6000
TAG_LIMIT = 8000
_KEY_LIMIT = 200  # of MLflow's 250, so that a suffix still fits
_PART = 5000  # characters a numbered tag takes
_PREVIEW = 200


def params(values: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Params that MLflow takes as they are, and the tags that hold what did not fit into them."""
    return _fitted(values, PARAM_LIMIT)


def tags(values: Mapping[str, Any]) -> dict[str, str]:
    """Tags that MLflow takes as they are."""
    short, parts = _fitted(values, TAG_LIMIT)
    return short | parts


def _fitted(values: Mapping[str, Any], limit: int) -> tuple[dict[str, str], dict[str, str]]:
    short, more = {}, {}
    for original, value in values.items():
        key, text = _key(original), str(value)
        if key != original:
            more[f"key.{key}"] = original[:TAG_LIMIT]
        if len(text) > limit:
            parts = [text[i : i + _PART] for i in range(0, len(text), _PART)]
            more |= {f"{key}.part{n}": part for n, part in enumerate(parts, start=1)}
            text = f"[{len(text)} characters, whole in the tags {key}.part1 to part{len(parts)}] {text[:_PREVIEW]}"
        short[key] = text
    return short, more


def _key(original: str) -> str:
    """The key itself where MLflow takes it; otherwise a likeness that no other key shares."""
    likeness = re.sub(r"[^A-Za-z0-9_.\-]", "_", original)[:_KEY_LIMIT]
    if likeness == original and likeness.strip("."):
        return original
    return f"{likeness}.{hashlib.sha256(original.encode()).hexdigest()[:6]}"
