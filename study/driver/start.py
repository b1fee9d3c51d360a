"""``run`` a new study, or ``resume`` one: who may, on what, and is it still the same study."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fitscape.study.config import StudyConfig
from fitscape.study.config.sections import Until
from fitscape.study.driver import resume_checks
from fitscape.study.driver.folder import Folder, frozen, shared_storage
from fitscape.study.driver.lease import Lease
from fitscape.study.driver.log_file import LogFile
from fitscape.study.driver.own_code import kept, take_up, tell
from fitscape.study.driver.ownership import require_free
from fitscape.study.driver.preflight import first_look, require
from fitscape.study.driver.preparing import Known, settled
from fitscape.study.driver.provenance import provenance
from fitscape.study.driver.recover import open_or_restore, require_backup
from fitscape.study.driver.replay import Drawn
from fitscape.study.driver.run_study import Conduct
from fitscape.study.driver.starting_weights import Pinned, pin, record
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.files import CODE, write_whole
from fitscape.study.ledger import INCOMPLETE, REPLAY, SETTINGS, Ledger, StudyLock, lacks_its_log, settle_in
from fitscape.study.plugins import installed
from fitscape.study.scheduling.aside import Aside
from fitscape.study.scheduling.events import Observer, ignore
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.metrics import Metrics
from fitscape.study.scheduling.time_limit import TimeLimit

if TYPE_CHECKING:
    from fitscape.study.data import SealedData

SHOW_WITHIN = 5.0  # seconds in which an observer must take something at the end, or is left behind
RUNNING_STATISTICS = (
    "this study evaluates with batch norm's running statistics, as its earlier trials did; "
    "new studies re-estimate them (base.evaluation.batch_norm)"
)


def run(
    config: StudyConfig,
    root: Path,
    *,
    address: str | None = None,
    observer: Observer | None = None,
    storage: str | None = None,
    interruption: Interruption | None = None,
    time_limit: float | None = None,
    replay: Drawn | None = None,
) -> ExitCode:
    """Start a study in ``ROOT/NAME`` and carry it to its end.

    Args:
        config: the study.
        root: the runs folder.
        address: of a Ray cluster; None starts one on this machine.
        observer: called with each event.
        storage: for checkpoints and backups, where nodes share no disk with the driver; None: $FITSCAPE_STORAGE,
            then the study's folder.
        interruption: to end the run from outside; signals end it in any case.
        time_limit: seconds from now until the report is written; None: ``config.resources.time_limit``.
        replay: what the study that this one repeats drew (``drawn_beside``): drawn first here.

    Raises:
        UserError: bad input, named in one line; nothing was started. StudyLocked: another driver holds it.
    """
    folder = Folder(root / config.name, shared_storage(storage))
    interruption = interruption or Interruption()
    limit = _limit(time_limit, config)
    with _in_reach(folder):
        require(first_look(config, root, address=address))
        require_free(folder)
        code = take_up(config)
        pinned = pin(config, root)
        folder.make()
        with StudyLock(folder.path), _heard(observer, folder, address) as aside, Lease(folder, interruption) as lease:
            require_free(folder)  # another driver may have been quicker
            lease.look()
            tell(code, aside.say)
            return Conduct(folder, lease, aside, interruption, address, limit).carry_out(
                pinned, Known(), lambda data: _create(folder, lease, pinned, data, replay or [])
            )


def resume(
    folder: Path,
    *,
    trials: int | None = None,
    until: Mapping[str, float] | None = None,
    allow: frozenset[str] = frozenset(),
    address: str | None = None,
    observer: Observer | None = None,
    storage: str | None = None,
    interruption: Interruption | None = None,
    time_limit: float | None = None,
) -> ExitCode:
    """Go on with the study in a folder: what is missing is run, what has ended never again.

    Args:
        folder: the study's. A ledger that is missing there, the head having been lost, is restored from storage;
            one that is damaged from its backup.
        trials: a new total; not below what is there.
        until: another ``search.until``; None: the study's own.
        allow: changes that are accepted: ``config``, ``data``, ``code``.
        address, observer, storage, interruption, time_limit: as in ``run``.

    Raises:
        UserError: no study there. StudyChanged: it is no longer the same. StudyLocked: another driver holds it.
    """
    since, where = time.monotonic(), Folder(folder, shared_storage(storage))
    interruption = interruption or Interruption()
    with _in_reach(where), _heard(observer, where, address) as aside:
        if not (where.ledger.is_file() or where.backup.is_file()):  # whose folder is it? nothing is written there yet
            require_backup(where)
            where.make()
        with _taken(where, interruption, aside) as (lease, ledger):
            config = _config_in(where, ledger, trials, until, aside)
            if config.base.evaluation.batch_norm == "running":
                aside.say(RUNNING_STATISTICS)
            conduct = Conduct(where, lease, aside, interruption, address, _limit(time_limit, config, since))
            before = frozen(settled(ledger.config, ledger.get_meta(SETTINGS)))
            same = not list(resume_checks.config_changes(before, frozen(config)))
            if same and not ledger.unended and sum(ledger.counts().values()) >= config.search.trials:
                return conduct.wrap_up(config, ledger)
            require(first_look(config, folder.parent, address=address))
            tell(take_up(config), aside.say)
            pinned = pin(config, folder.parent)
            return conduct.carry_out(
                pinned, Known.of(ledger), lambda data: _same_study(where, ledger, pinned, data, allow)
            )


def finish(folder: Path, *, observer: Observer | None = None, storage: str | None = None) -> ExitCode:
    """Labels, report and MLflow of a study that nobody drives, with the trials that have ended.

    Raises:
        UserError: no study there. StudyLocked: a driver holds it, which ``ask_to_finish`` reaches.
    """
    where, interruption = Folder(folder, shared_storage(storage)), Interruption()
    with (
        _in_reach(where),
        _heard(observer, where, None) as aside,
        _taken(where, interruption, aside) as (lease, ledger),
    ):
        ledger.release()
        return Conduct(where, lease, aside, interruption, None).wrap_up(ledger.config, ledger)


def ask_to_finish(folder: Path) -> None:
    """Ask the driver that runs a study to wind up: it ends with the trials that have ended, and their report."""
    write_whole(Folder(folder).finish, "")


@contextmanager
def _taken(where: Folder, interruption: Interruption, aside: Aside) -> Iterator[tuple[Lease, Ledger]]:
    """The lease and the ledger of a study that was run here, and that no other driver holds meanwhile."""
    with (
        StudyLock(where.path),
        Lease(where, interruption) as lease,
        open_or_restore(where, aside.say) as ledger,
    ):
        resume_checks.require_run_here(ledger)
        _say_whose(ledger, aside)
        lease.claim(ledger.uid)
        yield lease, ledger


def _limit(seconds: float | None, config: StudyConfig, since: float | None = None) -> TimeLimit | None:
    """The limit that is given, else that of the study; it counts from ``since``."""
    seconds = config.resources.time_limit if seconds is None else seconds
    return None if seconds is None else TimeLimit(seconds, since=since)


@contextmanager
def _heard(observer: Observer | None, folder: Folder, address: str | None) -> Iterator[Aside]:
    """Who hears of the run: the caller's observer, the study's log, and on a cluster its metrics.

    One that takes nothing for a while at the end is left behind.
    """
    log = LogFile(folder.log)
    metrics = [] if address is None else [Metrics(folder.path)]
    aside = Aside(observer or ignore, log, *metrics)
    try:
        yield aside
    finally:
        aside.close(SHOW_WITHIN)
        log.close()


@contextmanager
def _in_reach(folder: Folder) -> Iterator[None]:
    """A full disk, or a storage that does not answer, in one line that names it."""
    try:
        yield
    except ConnectionError:  # of Ray
        raise
    except OSError as error:
        where = str(error.filename or (folder.place if folder.storage else folder.path))
        what = f"cannot be used: {error.strerror or str(error).splitlines()[0]}"
        raise UserError(what, where=where, fix="free some room, or bring the storage back, then try again") from error


def _create(folder: Folder, lease: Lease, pinned: Pinned, data: "SealedData", replay: Drawn) -> Ledger:
    """The ledger first: where it is, all else in the folder is the study's."""
    uid = uuid.uuid4().hex
    config, facts = frozen(pinned.config), provenance(data, record(pinned, data))
    lease.claim(uid)
    ledger = Ledger.create(folder.ledger, config, facts, uid=uid)
    settle_in(ledger)
    if (code := installed()) is not None:
        code.write(folder.path / CODE)
    if replay:
        ledger.set_meta(REPLAY, replay)
    folder.write_config(config)
    return ledger


def _same_study(folder: Folder, ledger: Ledger, pinned: Pinned, data: "SealedData", allow: frozenset[str]) -> Ledger:
    """Refuse what has changed; write down what was accepted."""
    now = frozen(pinned.config), provenance(data, record(pinned, data))
    before = frozen(settled(ledger.config, ledger.get_meta(SETTINGS))), ledger.provenance
    resume_checks.require_unchanged(before, now, allow=allow, where=str(folder.path))
    folder.write_config(now[0])  # first: a kill in between leaves a target that is higher than the ledger's, not lower
    ledger.amend(*now)
    return ledger


def _say_whose(ledger: Ledger, aside: Aside) -> None:
    """A copy becomes a study of its own; one that was copied while its study ran lacks what it lacks."""
    if lacks_its_log(ledger):
        aside.say(INCOMPLETE)
    original = settle_in(ledger)
    if original is not None:
        aside.say(f"this is a copy of {original}: it becomes a study of its own, in MLflow too")


def _config_in(
    folder: Folder, ledger: Ledger, trials: int | None, until: Mapping[str, float] | None, aside: Aside
) -> StudyConfig:
    """The config of the folder's study.yaml, with a raised number of trials and another goal. ``auto`` means what was
    measured."""
    from fitscape.study.reading import load_config

    config = ledger.config
    if folder.config.is_file():
        config = load_config(folder.config, frozen=True, on_retired=aside.say)
    before = ledger.config_before
    if (
        before is not None
        and frozen(config) == before
        and not list(resume_checks.config_changes(before, ledger.config))
    ):
        config = ledger.config  # a driver of 0.1.0 raised the target in the ledger, and died before the file
    config = kept(settled(config, ledger.get_meta(SETTINGS)), folder.path)
    if trials is not None:
        there = sum(ledger.counts().values())
        if trials < there:
            raise UserError(f"{trials} is fewer than the {there} trials already in the study", where="--trials")
        config = config.model_copy(update={"search": config.search.model_copy(update={"trials": trials})})
    if until is not None:
        if not config.space:
            raise UserError("this study searches nothing, so there is no space to decide", where="--until")
        search = config.search.model_copy(update={"until": Until.model_validate(until)})
        config = config.model_copy(update={"search": search})
    if config.name != ledger.config.name:
        raise UserError(f"is '{config.name}', the study's is '{ledger.config.name}'", where=f"{folder.config}: name")
    return config
