"""The user's own code as a run takes it up: looked at once more, named, and at hand where processes start."""

from collections.abc import Callable
from pathlib import Path

from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.files import CODE
from fitscape.study.plugins import Code, code_of, install
from fitscape.study.plugins.examine import examine, notices
from fitscape.study.scheduling.checks import PreflightCheck


def take_up(config: StudyConfig) -> Code | None:
    """Read the study's code, import it in a process of its own, and give it to every process that starts from here.

    This process itself imports none of it.

    Raises:
        UserError: it is missing or cannot be imported.
    """
    code = code_of(config)
    if code is not None:
        examine(code)
    install(code)
    return code


def kept(config: StudyConfig, folder: Path) -> StudyConfig:
    """The config with files of the study's own copy of its code in the place of those that are gone."""
    copies = [folder / CODE / Path(plugin).name for plugin in config.plugins]
    plugins = tuple(
        str(copy) if copy.is_file() and not Path(plugin).is_file() else plugin
        for plugin, copy in zip(config.plugins, copies, strict=True)
    )
    return config.model_copy(update={"plugins": plugins})


def tell(code: Code | None, say: Callable[[str], None]) -> None:
    """Say which code runs, and what stood out as it was imported."""
    if code is not None:
        for notice in notices(code, examine(code).lines):
            say(notice)


def look(config: StudyConfig) -> list[PreflightCheck]:
    """Whether the code can be imported here, for ``fitscape doctor``."""
    try:
        code = take_up(config)
    except UserError as error:
        return [PreflightCheck(f"{error.where}: {error.what}", False, error.fix)]
    return [] if code is None else [PreflightCheck(f"own code: {code.digest}", True)]
