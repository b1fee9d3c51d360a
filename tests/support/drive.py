"""A driver as a process of its own: ``python drive.py run|resume ROOT CONFIG.json [options as JSON]``."""

import json
import sys
from pathlib import Path

from fitscape.study import driver
from fitscape.study.cli import leave
from fitscape.study.config import StudyConfig
from fitscape.study.driver import Event
from fitscape.study.errors import UserError
from fitscape.study.scheduling import single_images
from fitscape.study.scheduling.events import Message


def say(event: Event) -> None:
    if isinstance(event, Message):
        print(event.text, flush=True)


def let_single_images_pass() -> None:
    """A study of batches of one image begins, and each of its trials fails."""
    single_images.require_more_than_one_image = lambda *_: None  # type: ignore[assignment]


def main(command: str, root: Path, config: StudyConfig, options: dict[str, object]) -> int:
    if options.pop("let_single_images_pass", False):
        let_single_images_pass()
    try:
        if command == "run":
            return driver.run(config, root, observer=say, **options)  # type: ignore[arg-type]
        allow = frozenset({"code"})  # the tree may be edited while its tests run
        return driver.resume(root / config.name, observer=say, **{"allow": allow, **options})  # type: ignore[arg-type]
    except UserError as error:
        print(error, flush=True)
        return error.exit_code


if __name__ == "__main__":
    given = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    text = Path(sys.argv[3]).read_text()
    leave(main(sys.argv[1], Path(sys.argv[2]), StudyConfig.model_validate_json(text), given))
