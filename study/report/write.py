"""From a study's folder to the files of its report."""

import json
from pathlib import Path

from fitscape.study.errors import UserError
from fitscape.study.files import FINDINGS, PAGE, StudyFolder, write_whole
from fitscape.study.findings import to_json
from fitscape.study.opened import OpenStudy, open_study
from fitscape.study.report.figures import save
from fitscape.study.report.page import render
from fitscape.study.report.subject import Subject


def write(folder: Path, study: OpenStudy | None) -> Path:
    """Every file of the report; see :func:`study.report.build`."""
    if study is None:
        with open_study(folder) as opened:
            return write(folder, opened)
    subject = Subject(study)
    place = StudyFolder(folder)
    try:
        place.figures.mkdir(parents=True, exist_ok=True)
        findings = json.dumps(to_json(subject.findings), indent=1, ensure_ascii=False) + "\n"
        write_whole(place.report / FINDINGS, findings)
        save(subject, place.figures)
        write_whole(place.report / PAGE, render(subject))
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror or error}", where=str(place.report)) from error
    return place.report / PAGE
