"""What a report's page was given for its scripts, read as they read it."""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {"u8": "<u1", "u16": "<u2", "f32": "<f4"}
MISSING = 65535


def data_of(page: Path) -> dict[str, Any]:
    """The page's JSON."""
    found = re.search(r'<script type="application/json" id="numbers">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


class Arrays:
    """The page's compressed arrays."""

    def __init__(self, page: Path) -> None:
        found = re.search(r'<script [^>]*id="arrays"[^>]*>(.*?)</script>', page.read_text(), re.DOTALL)
        assert found is not None
        self._blob = gzip.decompress(base64.b64decode(found[1]))

    def cut(self, reference: dict[str, Any]) -> list[float]:
        """What ``{"at", "n", "type"}`` refers to."""
        found: list[float] = np.frombuffer(
            self._blob, KINDS[reference["type"]], reference["n"], reference["at"]
        ).tolist()
        return found

    def rates(self, reference: dict[str, Any]) -> list[float | None]:
        """Shares from 0 to 1; None where nothing finite was measured."""
        return [None if step == MISSING else step / (MISSING - 1) for step in self.cut(reference)]
