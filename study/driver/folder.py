"""The folder of a study that runs: its place on shared storage, and the frozen config in it."""

import os
from dataclasses import dataclass

from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.files import CHECKPOINTS, StudyFolder, write_whole
from fitscape.study.paths import absolute_dataset, absolute_uri, expanded
from fitscape.study.reading.document import dump
from fitscape.study.search.space import hyperparameters, resolve
from fitscape.study.tracking import redact

STORAGE = "FITSCAPE_STORAGE"  # environment: a shared folder or s3://BUCKET/PATH for checkpoints and backups


@dataclass(frozen=True)
class Folder(StudyFolder):
    """``ROOT/NAME``, and the place on shared storage that belongs to it."""

    storage: str | None = None  # None: everything lies in the folder

    @property
    def shared(self) -> str:
        """Where every node can write."""
        return _below(self.storage, self.path.name) if self.storage else str(self.path.absolute())

    @property
    def place(self) -> str:
        """``shared`` as it may be shown: a URI without its secrets."""
        return redact(self.shared)

    @property
    def checkpoints(self) -> str:
        return _below(self.shared, CHECKPOINTS)

    def make(self) -> None:
        """Raises UserError: it cannot be made."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = error.strerror or str(error)
            raise UserError(f"cannot be made: {text}", where=str(self.path), fix="choose another --root") from error

    def write_config(self, config: StudyConfig) -> None:
        """Freeze, whole or not at all."""
        text = dump(config.model_dump(mode="json"))
        write_whole(self.config, f"# Frozen by fitscape. `fitscape resume` refuses what has changed here.\n{text}")


def _below(place: str, name: str) -> str:
    """A folder in a folder, or in a store whose URI may end with a query."""
    path, mark, query = place.partition("?") if "://" in place else (place, "", "")
    return f"{path.rstrip('/')}/{name}{mark}{query}"


def frozen(config: StudyConfig) -> StudyConfig:
    """What may be written down and stays true: a named space written out, absolute paths, a URI without secrets."""
    tracking, data = config.tracking, config.data
    if tracking.uri is not None:
        tracking = tracking.model_copy(update={"uri": absolute_uri(redact(tracking.uri))})
    root = None if data.root is None else str(expanded(data.root).absolute())
    data = data.model_copy(update={"dataset": absolute_dataset(data.dataset), "root": root})
    plugins = tuple(str(expanded(plugin).absolute()) for plugin in config.plugins)
    config = config.model_copy(update={"plugins": plugins})
    return config.model_copy(update={"space": hyperparameters(resolve(config)), "tracking": tracking, "data": data})


def shared_storage(given: str | None = None) -> str | None:
    storage = given or os.environ.get(STORAGE) or None
    return str(expanded(storage)) if storage is not None and storage.startswith("~") else storage
