"""A study's folder: where things lie, and the frozen config in it."""

import os
from dataclasses import dataclass
from pathlib import Path

from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.ledger import BACKUP_NAME
from fitscape.study.reading.document import dump
from fitscape.study.search.space import hyperparameters, resolve
from fitscape.study.tracking import redact

STORAGE = "FITSCAPE_STORAGE"  # environment: a shared folder or s3://BUCKET/PATH for checkpoints and backups


@dataclass(frozen=True)
class Folder:
    """``ROOT/NAME``, and the place on shared storage that belongs to it."""

    path: Path
    storage: str | None = None  # None: everything lies in the folder

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.db"

    @property
    def config(self) -> Path:
        return self.path / "study.yaml"

    @property
    def backup(self) -> Path:
        return self.path / BACKUP_NAME

    @property
    def shared(self) -> str:
        """Where every node can write."""
        return f"{self.storage.rstrip('/')}/{self.path.name}" if self.storage else str(self.path.absolute())

    @property
    def checkpoints(self) -> str:
        return f"{self.shared}/checkpoints"

    def make(self) -> None:
        """Raises UserError: it cannot be made."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = error.strerror or str(error)
            raise UserError(f"cannot be made: {text}", where=str(self.path), mend="choose another --root") from error

    def write_config(self, config: StudyConfig) -> None:
        """Freeze, whole or not at all."""
        partial = self.config.with_name(f".{self.config.name}.{os.getpid()}")
        text = dump(config.model_dump(mode="json"))
        partial.write_text(f"# Frozen by fitscape. `fitscape resume` refuses what has changed here.\n{text}")
        partial.replace(self.config)


def frozen(config: StudyConfig) -> StudyConfig:
    """What may be written down and stays true: a named space written out, the tracking URI without secrets."""
    tracking = config.tracking
    if tracking.uri is not None:
        tracking = tracking.model_copy(update={"uri": redact(tracking.uri)})
    return config.model_copy(update={"space": hyperparameters(resolve(config)), "tracking": tracking})


def shared_storage(given: str | None = None) -> str | None:
    return given or os.environ.get(STORAGE) or None
