"""Published data sets whose files are found on this machine or downloaded by torchvision."""

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from fitscape.study.data.datasets.download import download
from fitscape.study.data.datasets.source import Presence, Source, data_folder, places
from fitscape.study.errors import UserError


class PublishedSource(Source):
    """A data set of fixed, known files. A subclass names them and says how they are fetched and read."""

    members: ClassVar[tuple[str, ...]]  # file names, all in one folder
    inside: ClassVar[tuple[str, ...]] = ()  # usual places of that folder below a data folder
    system: ClassVar[tuple[str, ...]] = ()  # folders that a package of the operating system fills
    archive: ClassVar[str] = ""  # the file that holds the members packed
    megabytes: ClassVar[int]  # of the download

    @abstractmethod
    def fetch(self, to: Path, archive: Path | None) -> None:
        """Download into the folder ``to``, or unpack ``archive`` there; check every checksum.

        Raises:
            UserError: ``archive`` is damaged.
            RuntimeError, OSError: as torchvision raises them; it is tried again.
        """

    def presence(self) -> Presence:
        if found := self._find():
            return Presence(self.name, found, f"found in {found}")
        if archive := self._find_archive():
            return Presence(self.name, archive.parent, f"{archive} would be unpacked to {self._target()}")
        text = f"would be downloaded to {self._target()} ({self.megabytes} MB)"
        return Presence(self.name, None, text, download=True)

    def files(self) -> list[Path]:
        folder = self._find()
        if folder is None:
            archive = self._find_archive()
            download(self.name, self._target(), lambda to: self.fetch(to, archive))
            folder = self._find()
            assert folder is not None, "the download is where places() looks"
        return self.members_in(folder)

    def members_in(self, folder: Path) -> list[Path]:
        """Those of the members that a folder holds, in order."""
        return [path for member in self.members if (path := folder / member).is_file()]

    def damaged(self, path: Path, error: Exception | str) -> UserError:
        """What to raise when a file does not hold what was published."""
        text = " ".join(str(error).split())
        return UserError(f"{path} is damaged: {text}", where="data.dataset", fix="remove it and run again")

    def _find(self) -> Path | None:
        return next((p for p in self._places() if len(self.members_in(p)) == len(self.members)), None)

    def _find_archive(self) -> Path | None:
        return next((p / self.archive for p in self._places() if self.archive and (p / self.archive).is_file()), None)

    def _places(self) -> list[Path]:
        below = [self.name, *self.inside, *(f"{self.name}/{part}" for part in self.inside)]
        return list(places(self.root, *below, system=self.system))

    def _target(self) -> Path:
        return data_folder(self.root) / self.name
