"""How a study names the weights that a network starts from, without importing torch."""

import re
from dataclasses import dataclass, replace
from typing import Literal

NONE = "none"
_STUDY = r"study:(?P<study>[A-Za-z0-9][A-Za-z0-9._-]{0,79})(/(?P<trial>[0-9a-f]{12}))?"
_REGISTRIES = r"torchvision:(?P<torchvision>[\w.]+)|timm:(?P<timm>[\w.-]+)"
_NAME = rf"({_STUDY}|{_REGISTRIES}|(?P<file>.+\.(safetensors|pth|pt)))"
_PINNED = re.compile(rf"{_NAME}(@(?P<digest>[0-9a-f]{{16}}))?")
HINT = "none, FILE.safetensors, FILE.pth, torchvision:NAME, timm:NAME or study:NAME"

Kind = Literal["file", "torchvision", "timm", "study"]


@dataclass(frozen=True, kw_only=True)
class WeightName:
    """A name of weights in its parts: ``study:shirts/0123456789ab@0123456789abcdef``."""

    kind: Kind
    name: str  # of the study, of the registry, or the path of the file
    trial: str = ""  # of a study's; empty: the only net that it has
    digest: str = ""  # 16 hexadecimal digits of the weights' content; empty until they have been read

    def __str__(self) -> str:
        prefix = "" if self.kind == "file" else f"{self.kind}:"
        trial = f"/{self.trial}" if self.trial else ""
        return f"{prefix}{self.name}{trial}{f'@{self.digest}' if self.digest else ''}"

    def pinned(self, digest: str) -> "WeightName":
        """The same name for this content alone."""
        return replace(self, digest=digest)


def parse_weights(text: str) -> WeightName | None:
    """The parts of a name; None where no weights are named.

    Raises:
        ValueError: it is no such name; the text begins with ``weights``.
    """
    if text == NONE:
        return None
    match = _PINNED.fullmatch(text)
    if match is None:
        raise ValueError(f"weights: '{text}' is not {HINT}")
    for kind in ("study", "torchvision", "timm", "file"):
        if match[kind]:
            return WeightName(
                kind=kind,
                name=match[kind],
                trial=match["trial"] or "",
                digest=match["digest"] or "",
            )
    raise AssertionError(text)


def content_of(text: str) -> str:
    """What of a name says which numbers they are: the digest alone once it is known, wherever they lie."""
    return text.rpartition("@")[2] if "@" in text else text
