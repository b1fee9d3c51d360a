"""``fitscape.run`` and ``fitscape.resume``: a study from Python, to its end.

The driver works in a thread of its own: an event loop that runs in this one, as in every notebook, is left alone, and
so are this process's handlers of signals. Nothing here ends the process.
"""

import atexit
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from fitscape.study import driver
from fitscape.study.api.study import Study
from fitscape.study.cli.configure import changes_of, configure, options_of
from fitscape.study.cli.live import view
from fitscape.study.cli.options import ROOT, accepted, study_folder
from fitscape.study.config import StudyConfig
from fitscape.study.driver.background import Background, let_end
from fitscape.study.errors import ExitCode
from fitscape.study.paths import expanded
from fitscape.study.reading import Override, override, validate
from fitscape.study.reading.document import Document
from fitscape.study.scheduling.events import Observer
from fitscape.study.scheduling.interruption import SIGINT_GRACE, Interruption

INTERRUPTED: Final = "interrupted"
atexit.register(let_end)  # of a script that ends after a refusal, while its data are still prepared


def run(
    study: StudyConfig | Mapping[str, Any] | str | Path,
    root: str | Path = ROOT,
    *,
    name: str | None = None,
    trials: int | None = None,
    sampler: str | None = None,
    scale: str | None = None,
    settings: Mapping[str, Any] | None = None,
    address: str | None = None,
    tracking_uri: str | None = None,
    storage: str | None = None,
    quiet: bool = False,
    observer: Observer | None = None,
) -> Study:
    """Run a study in ``root/name`` to its end and open it.

    An interrupt (Ctrl-C, or a notebook's stop button) ends it in order: running epochs end, nothing is lost, and what
    is there is returned with ``exit_code`` 130; :func:`resume` goes on. A second one leaves running epochs behind.
    A Ray that this process has started is used, and left running.

    Args:
        study: a config, a dict as study.yaml has it, the name of a recipe, or a YAML file.
        root: the folder of the runs.
        name: of the study, as ``--name`` of ``fitscape run``; None: the config's own.
        trials: as ``--trials``.
        sampler: as ``--sampler``.
        scale: as ``--scale``, for a recipe.
        address: of a Ray cluster, as ``--address``.
        tracking_uri: of MLflow, as ``--tracking-uri``.
        settings: values by dotted key, as ``--set``: ``{"data.dataset": "folder:pets"}``.
        storage: shared folder or bucket for checkpoints; None: $FITSCAPE_STORAGE.
        quiet: show nothing.
        observer: gets each event of the run; None: a live view of the terminal or the notebook.

    Raises:
        UserError: bad input, in one line; nothing was started.
    """
    options = options_of(name, trials, sampler, tracking_uri)
    named = [Override(tuple(key.split(".")), value, f"settings['{key}']") for key, value in (settings or {}).items()]
    config = _config(study, [*named, *changes_of([], options)], scale, address)
    root = expanded(root)
    folder = root / config.name

    def work(interruption: Interruption, heard: Observer) -> ExitCode:
        given: dict[str, Any] = {"address": address, "storage": storage, "interruption": interruption}
        return driver.run(config, root, observer=heard, **given)

    return _carried_out(work, folder, quiet, observer)


def resume(
    name: str | Path | Study,
    root: str | Path = ROOT,
    *,
    trials: int | None = None,
    allow: frozenset[str] | set[str] = frozenset(),
    address: str | None = None,
    storage: str | None = None,
    quiet: bool = False,
    observer: Observer | None = None,
) -> Study:
    """Go on with a study; what has ended is not run again. Arguments as of :func:`run`.

    Args:
        name: of a study below ``root``, its folder, or the study itself.
        trials: a new total.
        allow: changes that are accepted: ``data``, ``code``, ``config``.

    Raises:
        UserError: no such study, or it has changed.
    """
    changes = accepted(allow, "allow")
    folder = name.folder if isinstance(name, Study) else study_folder(expanded(root), str(name))

    def work(interruption: Interruption, heard: Observer) -> ExitCode:
        given: dict[str, Any] = {"address": address, "storage": storage, "interruption": interruption}
        return driver.resume(folder, trials=trials, allow=changes, observer=heard, **given)

    return _carried_out(work, folder, quiet, observer)


def _config(
    study: StudyConfig | Mapping[str, Any] | str | Path, changes: list[Override], scale: str | None, address: str | None
) -> StudyConfig:
    if isinstance(study, StudyConfig):
        return override(study, changes, "the config") if changes else study
    if isinstance(study, Mapping):
        return validate(Document(dict(study), "the dict"), changes)
    return configure(str(study), changes, scale, address)


def _carried_out(
    work: Callable[[Interruption, Observer], ExitCode], folder: Path, quiet: bool, observer: Observer | None
) -> Study:
    interruption, ended = Interruption(), threading.Event()
    with view(folder, quiet=quiet or observer is not None) as shown:

        def carry_out() -> ExitCode:
            try:
                return work(interruption, observer if observer is not None else shown)
            finally:
                ended.set()

        task = Background(carry_out)
        _wait(ended, interruption)
        return Study.at(folder, task.result())


def _wait(ended: threading.Event, interruption: Interruption) -> None:
    """Until the end; an interrupt of this thread is passed on, a second shortens the end, a third is let through.

    Not by joining the thread: Python 3.11 takes a thread for dead whose ``join`` was interrupted.
    """
    for grace in (SIGINT_GRACE, 0.0, None):
        try:
            while not ended.wait(0.1):
                pass
            return
        except KeyboardInterrupt:
            if grace is None:
                raise
            interruption.request(INTERRUPTED, by=signal.SIGINT, grace=grace)
