"""Image files with their labels, and with the parts and groups that a user gives them."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fitscape.study.data.datasets.source import MINIMUM_IMAGES, Counts, Labels
from fitscape.study.data.given_split import Parts, SplitPart, straddling
from fitscape.study.errors import UserError

# What people call the three parts, in lower case.
SPELLINGS: dict[str, SplitPart] = {
    **dict.fromkeys(("train", "training", "trn"), SplitPart.TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev"), SplitPart.VALIDATION),
    **dict.fromkeys(("test", "testing", "tst", "holdout"), SplitPart.TEST),
}
FOLDER = "folder"  # as ``data.groups``: the folder that an image lies in, below its class
PATTERN = "(?"  # what makes ``data.groups`` a pattern


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What there is to read, in a fixed order; nothing is decoded yet."""

    root: Path  # what the names are relative to
    paths: tuple[Path, ...]
    labels: Labels  # [N]
    classes: tuple[str, ...]
    parts: Parts | None = None  # [N], as given
    groups: Labels | None = None  # [N]; equal numbers belong together
    left_out: Mapping[Path, str] = field(default_factory=dict)  # file -> why it is not read
    notes: tuple[str, ...] = ()  # sentences about what was passed over

    def name(self, path: Path) -> str:
        """The file as a person knows it, relative to ``root`` where it lies below."""
        return text(path.relative_to(self.root) if path.is_relative_to(self.root) else path)

    @property
    def counts(self) -> Counts:
        return Counts(self.classes, self.labels, self.parts, self.groups)

    def require_usable(self, *, allow_group_leak: bool) -> "Listing":
        """This listing.

        Raises:
            UserError: one class, too few images, a class that a given part lacks, or a group in two given parts.
        """
        if len(self.classes) < 2:
            found = f"one class only, {self.classes[0]}" if self.classes else "no images"
            raise refused(f"{self.root} has {found}", "at least two classes are needed")
        if len(self.paths) < MINIMUM_IMAGES:
            lacking = f"; {len(self.left_out)} files cannot be read" if self.left_out else ""
            fix = f"at least {MINIMUM_IMAGES} are needed"
            raise refused(f"{self.root} has {len(self.paths)} images, too few{lacking}", fix)
        if self.parts is not None:
            _require_every_class(self.labels, self.classes, self.parts)
            if self.groups is not None and not allow_group_leak:
                _require_whole_groups(self.groups, self.parts, [self.name(path) for path in self.paths])
        return self


def refused(what: str, fix: str = "", where: str = "data.dataset") -> UserError:
    return UserError(what, where=where, fix=fix)


def text(path: Path | str) -> str:
    """A name as text: bytes of it that are no UTF-8 are escaped, as no page and no server would take them."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def numbered(keys: Sequence[str]) -> Labels:
    """The position of each key [N] among the sorted distinct ones."""
    return np.asarray(np.unique(np.array(keys, dtype=object).astype(str), return_inverse=True)[1], dtype=np.int64)


def pattern(given: str) -> re.Pattern[str]:
    """``data.groups`` as a pattern. Raises UserError: it is no regular expression, or names no group."""
    try:
        found = re.compile(given)
    except re.error as error:
        raise refused(f"'{given}' is not a regular expression: {error}", where="data.groups") from error
    if "group" not in found.groupindex:
        raise refused(f"'{given}' has no (?P<group>...)", r"for example (?P<group>part\d+)", "data.groups")
    return found


def groups_of_names(given: str, names: Sequence[str]) -> Labels:
    """The group of each file by a pattern on its name, relative to the data set's folder.

    A file that the pattern does not match is a group of its own.

    Raises:
        UserError: no pattern, or it matches no file.
    """
    found = [pattern(given).search(name) for name in names]
    if not any(found):
        shown = ", ".join(names[:3])
        raise refused(f"'{given}' matches no file", f"the files are called {shown}", "data.groups")
    return numbered([f"g{match['group']}" if match else f"f{name}" for match, name in zip(found, names, strict=True)])


def _require_every_class(labels: Labels, classes: tuple[str, ...], parts: Parts) -> None:
    for part in (SplitPart.TRAIN, SplitPart.VALIDATION, SplitPart.TEST):
        there = set(labels[parts == part].tolist())
        missing = [name for c, name in enumerate(classes) if c not in there]
        if there and missing:
            shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            raise refused(f"the {part.text} part has no image of class {shown}", "give every part every class")


def _require_whole_groups(groups: Labels, parts: Parts, names: Sequence[str]) -> None:
    torn = straddling(groups, parts)
    if len(torn):
        example = np.flatnonzero(groups == torn[0])
        first = {SplitPart(parts[i]).text: names[i] for i in reversed(example) if parts[i] != SplitPart.DRAWN}
        shown = " and ".join(f"{name} in {part}" for part, name in first.items())
        what = f"{len(torn)} groups have images in two parts, for example {shown}"
        raise refused(what, "move them, or set data.allow_group_leak to true", "data.groups")
