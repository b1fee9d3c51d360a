"""Data sets that are image files of the user's: looked up once, decoded when they are read."""

from abc import abstractmethod
from typing import ClassVar

from fitscape.study.data.datasets import image_files
from fitscape.study.data.datasets.listing import Listing
from fitscape.study.data.datasets.source import RawData, Source


class ListedSource(Source):
    """A subclass says which files there are."""

    foreign: ClassVar[bool] = True
    _listed: Listing | None = None

    def listing(self) -> Listing:
        if self._listed is None:
            self._listed = self._look()
        return self._listed

    def state(self) -> list[str]:
        return image_files.state(self.listing())

    def read(self, image_size: int | None) -> RawData:
        return image_files.read(self.listing(), image_size, self)

    @abstractmethod
    def _look(self) -> Listing:
        """Raises UserError: the files cannot serve."""
