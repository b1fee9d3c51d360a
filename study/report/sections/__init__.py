"""The sections of the page, in its order. A section is built after those above it."""

from typing import Final

from fitscape.study.report.section import Section
from fitscape.study.report.sections import (
    comparison,
    curves,
    degradation,
    findings,
    gradients,
    images,
    importance,
    pictures,
    planes,
    provenance,
    recommendation,
    trials,
    words,
)

SECTIONS: Final[tuple[Section, ...]] = tuple(
    module.SECTION
    for module in (
        recommendation,
        words,
        planes,
        curves,
        comparison,
        degradation,
        gradients,
        findings,
        importance,
        pictures,
        images,
        trials,
        provenance,
    )
)
