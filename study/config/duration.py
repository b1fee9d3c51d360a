"""A length of time as a person writes it: ``90s``, ``20m``, ``1h30m``, or a number of seconds."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

UNITS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
PATTERN: Final = r"^(?=\d)(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?$"
EXPECTED: Final = "write 90s, 20m or 1h30m, or a number of seconds above 0"


def seconds_of(value: Any) -> Any:
    """Seconds of a text; what is no text stays as it is.

    Raises:
        ValueError: a text that is no length of time.
    """
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.match(PATTERN, text):
        raise ValueError(f"'{value}' is not a length of time: {EXPECTED}")
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)([dhms])", text))


def written(seconds: float) -> str:
    """The inverse of ``seconds_of``: ``1h30m`` for 5400."""
    parts, left = [], seconds
    for unit, size in UNITS.items():
        count = left if unit == "s" else left // size
        if count:
            parts.append(f"{count:g}{unit}")
            left -= count * size
    return "".join(parts) or "0s"


Duration = Annotated[
    float,
    BeforeValidator(seconds_of),
    Field(gt=0),
    PlainSerializer(written, return_type=str),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": PATTERN}]}),
]
