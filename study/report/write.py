"""From a study's folder to the files of its report."""

import json
import os
from pathlib import Path

from fitscape.study.errors import UserError
from fitscape.study.findings import to_json
from fitscape.study.opened import OpenStudy, open_study
from fitscape.study.report.figures import save
from fitscape.study.report.page import render
from fitscape.study.report.subject import Subject


def write(folder: Path, study: OpenStudy | None) -> Path:
    """Every file of the report; see :func:`study.report.build`."""
    subject = Subject(study or open_study(folder))
    report = folder / "report"
    try:
        (report / "figures").mkdir(parents=True, exist_ok=True)
        _write(report / "findings.json", json.dumps(to_json(subject.findings), indent=1, ensure_ascii=False) + "\n")
        save(subject, report / "figures")
        _write(report / "index.html", render(subject))
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror or error}", where=str(report)) from error
    return report / "index.html"


def _write(to: Path, text: str) -> None:
    partial = to.with_name(f".{to.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(to)
