"""``run`` a new study, or ``resume`` one: who may, on what, and is it still the same study."""

from pathlib import Path
from typing import TYPE_CHECKING

from fitscape.study.config import StudyConfig
from fitscape.study.driver import resume_checks
from fitscape.study.driver.folder import Folder, frozen, shared_storage
from fitscape.study.driver.preflight import first_look, require
from fitscape.study.driver.preparing import Known
from fitscape.study.driver.provenance import provenance
from fitscape.study.driver.run_study import Conduct
from fitscape.study.errors import ExitCode, LedgerDamaged, UserError
from fitscape.study.ledger import Ledger, StudyLock, restore
from fitscape.study.scheduling.checkpoints import fetch_file
from fitscape.study.scheduling.events import Observer, Quiet
from fitscape.study.scheduling.interruption import Interruption

if TYPE_CHECKING:
    from fitscape.study.data import SealedData


def run(
    config: StudyConfig,
    root: Path,
    *,
    address: str | None = None,
    observer: Observer | None = None,
    storage: str | None = None,
    interruption: Interruption | None = None,
) -> ExitCode:
    """Start a study in ``ROOT/NAME`` and carry it to its end.

    Args:
        config: the study.
        root: the runs folder.
        address: of a Ray cluster; None starts one on this machine.
        observer: told what happens.
        storage: for checkpoints and backups, where nodes share no disk with the driver; None: $FITSCAPE_STORAGE,
            then the study's folder.
        interruption: to end the run from outside; signals end it in any case.

    Raises:
        UserError: bad input, named in one line; nothing was started. StudyLocked: another driver holds it.
    """
    folder = Folder(root / config.name, shared_storage(storage))
    require(first_look(config, root, address=address))
    folder.make()
    with StudyLock(folder.path):
        _require_new(folder)
        return Conduct(folder, observer or Quiet(), interruption or Interruption(), address).carry_out(
            config, Known(), lambda data: _create(folder, config, data)
        )


def resume(
    folder: Path,
    *,
    trials: int | None = None,
    allow: frozenset[str] = frozenset(),
    address: str | None = None,
    observer: Observer | None = None,
    storage: str | None = None,
    interruption: Interruption | None = None,
) -> ExitCode:
    """Go on with the study in a folder: what is missing is run, what has ended never again.

    Args:
        folder: the study's. A ledger that is missing there, the head having been lost, is restored from storage;
            one that is damaged from its backup.
        trials: a new total; not below what is there.
        allow: changes that are accepted: ``config``, ``data``, ``code``.
        address, observer, storage, interruption: as in ``run``.

    Raises:
        UserError: no study there. StudyChanged: it is no longer the same. StudyLocked: another driver holds it.
    """
    where = Folder(folder, shared_storage(storage))
    observer = observer or Quiet()
    if not where.ledger.is_file():
        _bring_back(where)
    with StudyLock(folder), _open_or_restore(where, observer) as ledger:
        config = _config_in(where, ledger, trials, observer)
        conduct = Conduct(where, observer or Quiet(), interruption or Interruption(), address)
        same = not list(resume_checks.config_changes(ledger.config, frozen(config)))
        if same and not ledger.pending() and len(ledger.trials()) >= config.search.trials:
            return conduct.wrap_up(config, ledger)
        require(first_look(config, folder.parent, address=address))
        return Conduct(where, observer, interruption or Interruption(), address).carry_out(
            config, Known.of(ledger), lambda data: _same_study(where, ledger, config, data, allow)
        )


def _require_new(folder: Folder) -> None:
    mend = f"fitscape resume {folder.path.name}, or choose another --name"
    if folder.ledger.is_file() and folder.ledger.stat().st_size:
        raise UserError("a study of this name exists", where=str(folder.path), mend=mend)
    if folder.storage is not None and fetch_file(folder.shared, folder.backup.name, folder.backup):
        folder.backup.unlink()
        raise UserError("a study of this name exists", where=folder.shared, mend=mend)


def _create(folder: Folder, config: StudyConfig, data: "SealedData") -> Ledger:
    folder.write_config(frozen(config))
    return Ledger.create(folder.ledger, frozen(config), provenance(data))


def _same_study(
    folder: Folder, ledger: Ledger, config: StudyConfig, data: "SealedData", allow: frozenset[str]
) -> Ledger:
    """Refuse what has changed; write down what was accepted."""
    now = frozen(config), provenance(data)
    before = ledger.config, ledger.provenance
    resume_checks.require_unchanged(before, now, allow=allow, where=str(folder.path))
    ledger.amend(*now)
    folder.write_config(now[0])
    return ledger


def _open_or_restore(folder: Folder, observer: Observer) -> Ledger:
    """The ledger; where it is damaged, its backup in its place, which is said and noted in it."""
    try:
        return Ledger.open(folder.ledger)
    except LedgerDamaged as error:
        if not folder.backup.is_file():
            raise
        restore(folder.ledger, folder.backup)
        ledger = Ledger.open(folder.ledger)
        ended = sum(count for state, count in ledger.counts().items() if state.terminal)
        kept = f"{folder.ledger.name}.damaged"
        observer.on_message(f"{error.what}; the backup with {ended} ended trials takes its place, it is kept as {kept}")
        return ledger


def _bring_back(folder: Folder) -> None:
    """Restore a lost head's folder from the backup on shared storage."""
    if folder.storage is None:
        raise UserError("no study is here", where=str(folder.path), mend="fitscape status lists none; is --root right?")
    folder.make()
    if not fetch_file(folder.shared, folder.backup.name, folder.backup):
        raise UserError("no study is here", where=f"{folder.path} and {folder.shared}")
    restore(folder.ledger, folder.backup)
    fetch_file(folder.shared, folder.config.name, folder.config)


def _config_in(folder: Folder, ledger: Ledger, trials: int | None, observer: Observer) -> StudyConfig:
    """The config of the folder's study.yaml, with a raised number of trials."""
    from fitscape.study.reading import load_config

    config = ledger.config
    if folder.config.is_file():
        config = load_config(folder.config, on_retired=observer.on_message)
    if trials is not None:
        there = len(ledger.trials())
        if trials < there:
            raise UserError(f"{trials} is below the {there} trials that are there", where="--trials")
        config = config.model_copy(update={"search": config.search.model_copy(update={"trials": trials})})
    if config.name != ledger.config.name:
        raise UserError(f"is '{config.name}', the study's is '{ledger.config.name}'", where=f"{folder.config}: name")
    return config
