"""A user's folder of images that `fitscape submit` has sent: fetched once to where the study is driven."""

import os
from pathlib import Path

from fitscape.study.data.datasets.image_folder import ImageFolder
from fitscape.study.data.datasets.listing import Listing
from fitscape.study.data.datasets.source import Presence, data_folder
from fitscape.study.data.transfer import UPLOADS, fetch


class Uploaded(ImageFolder):
    """``upload:ID`` is ``folder:PATH``, with a path below the data folder of the machine that reads it."""

    name = "upload"
    argument_name = "ID"
    description = "a folder of images that `fitscape submit` has sent to the cluster"

    def presence(self) -> Presence:
        if self._path().is_dir():
            return super().presence()
        return Presence(self.name, None, f"upload {self.argument} would be fetched to {self._path()}", download=True)

    def _look(self) -> Listing:
        if not self._path().is_dir():
            fetch(self.argument, self._path(), os.environ.get("FITSCAPE_STORAGE"))
        return super()._look()

    def _path(self) -> Path:
        return data_folder(self.root) / UPLOADS / self.argument
