"""What a data set must offer, and where its files are looked for. No torch: the preflight stays quick."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fitscape.study.data.datasets.journal import Journal
from fitscape.study.data.given_split import Parts
from fitscape.study.paths import expanded

if TYPE_CHECKING:
    from fitscape.study.data.datasets.listing import Listing

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]

MINIMUM_IMAGES = 20  # in a data set, test part included


@dataclass(frozen=True, kw_only=True)
class RawData:
    """A data set as it was read: all images of one size, before any split."""

    images: Images  # [N, C, H, W]
    labels: Labels  # [N]
    classes: tuple[str, ...]
    test_images: Images | None = None  # the data set's own test part, where it has one
    test_labels: Labels | None = None
    parts: Parts | None = None  # [N], where the user has split the images
    groups: Labels | None = None  # [N], what no cut may tear, where the user says so
    names: tuple[str, ...] = ()  # [N], the files of a user's own images
    unreadable: tuple[str, ...] = ()  # "file: reason"
    notes: tuple[str, ...] = ()
    sizes: str = ""  # a sentence on what the sizes of a user's own images become


@dataclass(frozen=True)
class Counts:
    """What is known of a user's own images before any is decoded."""

    classes: tuple[str, ...]
    labels: Labels  # [N]
    parts: Parts | None = None  # [N], as given
    groups: Labels | None = None  # [N]


@dataclass(frozen=True)
class Presence:
    """Where a data set's files are: what the preflight says before anything is loaded."""

    dataset: str
    folder: Path | None  # None: not on this machine, or no files needed
    text: str  # one line for a person
    download: bool = False  # they would have to be downloaded
    counts: Counts | None = None  # of a user's own images


class Source(ABC):
    """One data set. Making one is free; nothing is read before `read`."""

    name: str
    description: str  # one line for ``fitscape list datasets``
    foreign: ClassVar[bool] = False  # whether its files come from anywhere, and may crash a decoder
    lasting: ClassVar[bool] = True  # whether equal files and states mean equal data
    classes: ClassVar[tuple[str, ...]] = ()  # where they are known before anything is read
    argument_name: ClassVar[str] = ""  # of what follows the colon, as in ``folder:PATH``; empty where nothing does

    def __init__(
        self,
        root: str | None = None,
        argument: str = "",
        *,
        groups: str | None = None,
        allow_group_leak: bool = False,
        fit: Literal["crop", "pad"] = "crop",
    ) -> None:
        """``argument`` is what follows the colon in ``folder:PATH``; the others as in DataConfig."""
        self.root, self.argument = root, argument
        self.journal = Journal()
        self.crashing: dict[str, str] = {}  # file -> reason: files that are known to crash their decoder
        self.groups, self.allow_group_leak, self.fit = groups, allow_group_leak, fit

    def _path(self) -> Path:
        """The file or folder that ``argument`` names."""
        return Path(self.argument).expanduser().absolute()

    @abstractmethod
    def presence(self) -> Presence:
        """Look whether the files are there.

        Raises:
            UserError: they are there and cannot serve, or have to be there and are not.
        """

    @abstractmethod
    def files(self) -> list[Path]:
        """The files that `read` would read, downloaded first where need be; their state keys the cache.

        Raises:
            UserError: as `presence`, or the download failed.
        """

    def state(self) -> list[str]:
        """What else keys the cache: sentences about files that are there and not read."""
        return []

    def listing(self) -> "Listing | None":
        """The image files that `read` decodes, where the data set is such files.

        Raises:
            UserError: as `presence`.
        """
        return None

    @abstractmethod
    def read(self, image_size: int | None) -> RawData:
        """Read everything. ``image_size`` is a hint: what comes in another size is resized by the caller.

        Raises:
            UserError: the files are damaged or too many of them are unreadable.
        """


def data_folder(root: str | None) -> Path:
    """Where files go: ``root``, else $FITSCAPE_DATA, else the user's cache."""
    chosen = root or os.environ.get("FITSCAPE_DATA")
    return Path(chosen).expanduser().absolute() if chosen else user_cache()


def user_cache() -> Path:
    """``$XDG_CACHE_HOME/fitscape``, by default ``~/.cache/fitscape``."""
    return expanded(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "fitscape"


def places(root: str | None, *inside: str, system: tuple[str, ...] = ()) -> Iterator[Path]:
    """Folders in which a data set's files may lie, likeliest first.

    Args:
        inside: usual places below a data folder; the folder itself is always tried first.
        system: folders that a package of the operating system fills.
    """
    for folder in dict.fromkeys((data_folder(root), data_folder(None), user_cache())):
        yield folder
        yield from (folder / part for part in inside)
    yield from map(Path, system)
