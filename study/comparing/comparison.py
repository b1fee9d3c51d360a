"""Studies compared with the first of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fitscape.study.comparing.areas import Areas, areas
from fitscape.study.comparing.best import BestErrors, best_errors
from fitscape.study.comparing.common_space import common_space
from fitscape.study.comparing.configuration import Difference, differences
from fitscape.study.comparing.held_out import HeldOut, held_out
from fitscape.study.comparing.plane import Plane, plane
from fitscape.study.errors import UserError
from fitscape.study.opened import OpenStudy

ALARM: Final = 0.05  # chance that a comparison of equals finds any difference
QUESTIONS: Final = 2  # asked of each pair: the best errors, and the areas
MOST: Final = 3  # studies


@dataclass(frozen=True, kw_only=True, eq=False)
class Versus:
    """The first study and another one."""

    first: str  # names
    second: str
    held_out: HeldOut
    differences: list[Difference]
    best: BestErrors | None
    areas: Areas | None
    plane: Plane | None
    no_areas: str  # why there are none; empty where there are

    @property
    def equal_training(self) -> bool:
        """Whether nets were trained alike where the spaces meet, as far as the configurations say."""
        return not any(one.kind == "training" for one in self.differences)

    @property
    def differs(self) -> bool:
        """Whether anything surely differs: the best errors, or the regime somewhere."""
        return bool((self.best and self.best.differs) or (self.areas and self.areas.found))


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Two or three studies. Each claim holds so surely that equal studies give none in 95 % of comparisons."""

    folder: Path  # of the first study
    names: tuple[str, ...]
    others: list[Versus]
    level: float  # of each interval and each set of areas

    @property
    def differs(self) -> bool:
        """Whether any study surely differs from the first one."""
        return any(one.differs for one in self.others)


def compare(studies: Sequence[OpenStudy]) -> Comparison:
    """Compare the first study with each other one.

    Raises:
        UserError: fewer than two studies, more than three, or one study twice.
    """
    if not 2 <= len(studies) <= MOST:
        raise UserError(f"takes two or three studies, not {len(studies)}", where="compare")
    if len({study.ledger.uid for study in studies}) < len(studies):
        raise UserError("takes different studies, and one is given twice", where="compare")
    level = 1 - ALARM / (QUESTIONS * (len(studies) - 1))
    first, *others = studies
    return Comparison(
        folder=first.folder,
        names=tuple(study.config.name for study in studies),
        others=[_versus(first, other, level) for other in others],
        level=level,
    )


def _versus(first: OpenStudy, second: OpenStudy, level: float) -> Versus:
    images, common = held_out(first, second), common_space(first, second)
    why = common if isinstance(common, str) else ""
    for study in (first, second):
        try:
            _ = why or study.map
        except UserError as error:
            why = f"{study.config.name} {error.what}"
    found = None if why or isinstance(common, str) else common
    return Versus(
        first=first.config.name,
        second=second.config.name,
        held_out=images,
        differences=differences(first, second),
        best=best_errors(first, second, images, level),
        areas=areas(first, second, found, level) if found else None,
        plane=plane(first, second, found) if found else None,
        no_areas=why,
    )
