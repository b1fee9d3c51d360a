"""What a section of the page is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fitscape.study.report.pack import Pack
from fitscape.study.report.stages import EpochStage
from fitscape.study.report.subject import Subject


@dataclass(frozen=True)
class Material:
    """What sections are built from: the study at its stages, the page's arrays, and what earlier sections came to."""

    stages: list[EpochStage]
    pack: Pack
    built: dict[str, Any] = field(default_factory=dict)
    runs: bool = False  # the study does, so that this is to be quick

    @property
    def subject(self) -> Subject:
        """The study as it is now."""
        return self.stages[-1].subject


@dataclass(frozen=True)
class Section:
    """``templates/KEY.html.j2`` is filled with what ``build`` returns, under the name ``KEY``."""

    key: str
    title: str
    short: str  # in the contents
    build: Callable[[Material], Any]
    scripted: bool = False  # the page's scripts get it too, as data.KEY
    shown: Callable[[Any], bool] = lambda built: True  # whether what was built makes a section
