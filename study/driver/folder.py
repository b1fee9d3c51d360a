"""The folder of a study that runs: its place on shared storage, and the frozen config in it."""

import os
from dataclasses import dataclass

from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.files import CHECKPOINTS, StudyFolder, write_whole
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
        return f"{self.storage.rstrip('/')}/{self.path.name}" if self.storage else str(self.path.absolute())

    @property
    def checkpoints(self) -> str:
        return f"{self.shared}/{CHECKPOINTS}"

    def make(self) -> None:
        """Raises UserError: it cannot be made."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = error.strerror or str(error)
            raise UserError(f"cannot be made: {text}", where=str(self.path), mend="choose another --root") from error

    def write_config(self, config: StudyConfig) -> None:
        """Freeze, whole or not at all."""
        text = dump(config.model_dump(mode="json"))
        write_whole(self.config, f"# Frozen by fitscape. `fitscape resume` refuses what has changed here.\n{text}")


def frozen(config: StudyConfig) -> StudyConfig:
    """What may be written down and stays true: a named space written out, the tracking URI without secrets."""
    tracking = config.tracking
    if tracking.uri is not None:
        tracking = tracking.model_copy(update={"uri": redact(tracking.uri)})
    return config.model_copy(update={"space": hyperparameters(resolve(config)), "tracking": tracking})


def shared_storage(given: str | None = None) -> str | None:
    return given or os.environ.get(STORAGE) or None
