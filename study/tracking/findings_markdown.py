"""The findings of a study's report as Markdown, for the text of its run."""

import json
from pathlib import Path
from typing import Any

from fitscape.study.files import FINDINGS, StudyFolder

ORDER = ("contradicted", "supported", "undecided")


def as_markdown(study: Path) -> str:
    """One line per finding, decided ones first; empty before there is a report.

    Args:
        study: the study's folder, whose ``report/findings.json`` is read.
    """
    file = StudyFolder(study).report / FINDINGS
    if not file.is_file():
        return ""
    found = sorted(json.loads(file.read_text(encoding="utf-8")), key=lambda one: ORDER.index(one["verdict"]))
    if not found:
        return ""
    return "\n".join(["## Findings", *map(_line, found)])


def _line(one: dict[str, Any]) -> str:
    """Releases before 0.2.0 wrote no sentence and did not say what n counts."""
    sentence, counted = one.get("sentence"), one.get("counted")
    said = f"{one['claim']}." + (f" {sentence}" if sentence else "")
    return f"- **{one['verdict']}**: {said} n = {one['n']}" + (f" {counted}." if counted else ".")
