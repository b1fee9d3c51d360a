"""Everything that is looked at before a study starts, each finding with its fix."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from fitscape.study.config import StudyConfig
from fitscape.study.data import check_files
from fitscape.study.data.datasets import get
from fitscape.study.data.datasets.source import Presence, Source, data_folder, user_cache
from fitscape.study.data.decidable import before_decoding, imbalance
from fitscape.study.data.place import place, unfinished
from fitscape.study.data.room import copies, free_at, gigabytes, require_disk, room
from fitscape.study.driver.background import Background
from fitscape.study.driver.folder import Folder, shared_storage
from fitscape.study.driver.own_code import look
from fitscape.study.errors import UserError
from fitscape.study.files import size
from fitscape.study.reading.timm_names import extras
from fitscape.study.scheduling.checks import PreflightCheck
from fitscape.study.scheduling.cluster import (
    Cluster,
    available_cpus,
    count_gpus,
    require_one_card,
    require_resources,
)
from fitscape.study.scheduling.folder_preflight import look_at_path
from fitscape.study.scheduling.preflight import ROOM_MIB, inside_session_folder, look_at
from fitscape.study.tracking import check


def preflight(
    config: StudyConfig, root: Path, *, address: str | None = None, say: Callable[[str], None] = lambda text: None
) -> list[PreflightCheck]:
    """All findings; joins the cluster, or starts a local one, for as long as it takes.

    ``say`` gets a sentence now and then while images are decoded, or nodes take long to answer.
    """
    tracking = Background(lambda: check(root, config.tracking))  # takes as long as the cluster does
    findings = [*first_look(config, root, address=address), *look(config)]
    if all(finding.ok or not finding.fatal for finding in findings):
        folder = Folder(root / config.name, shared_storage())
        with Cluster(address, warm=False) as cluster:
            storage = folder.storage or str(root.absolute())
            findings += look_at(cluster, config.resources, storage, extras(config), say)
            if not check_files(config.data).download:
                findings += _images_and_time(config, cluster, say)
            findings += look_at_path(cluster, config.data.dataset)
    trouble = tracking.result()
    findings.append(
        PreflightCheck("tracking can be written", True)
        if trouble is None
        else PreflightCheck(trouble.what, False, trouble.fix)
    )
    return findings


def first_look(config: StudyConfig, root: Path, *, address: str | None) -> list[PreflightCheck]:
    """What needs neither Ray nor torch: resources of this machine, data, disk, folder."""
    return [
        _here(config) if address is None else _asked(config),
        *_data(config),
        _disk(root),
        _durable(root),
    ]


def require(findings: list[PreflightCheck], say: Callable[[str], None] | None = None) -> None:
    """Refuse what is fatal, and say the other faults: a card or a node that is left out does not end a run.

    Raises:
        UserError: the first finding that is fatal.
    """
    for finding in findings:
        if not finding.ok and finding.fatal:
            raise UserError(finding.what, fix=finding.fix)
    for finding in findings:
        if not finding.ok and say is not None:
            say(f"{finding.what} ({finding.fix})" if finding.fix else finding.what)


def _here(config: StudyConfig) -> PreflightCheck:
    cpus, gpus = available_cpus(), count_gpus()
    try:
        require_resources(config.resources, cpus=cpus, gpus=gpus, where="this machine")
    except UserError as error:
        return PreflightCheck(f"{error.where}: {error.what}", False, error.fix)
    return PreflightCheck(f"this machine has {cpus} CPU and {gpus} GPU", True)


def _asked(config: StudyConfig) -> PreflightCheck:
    """What no cluster could give."""
    try:
        require_one_card(config.resources)
    except UserError as error:
        return PreflightCheck(f"{error.where}: {error.what}", False, error.fix)
    asked = config.resources.gpus_per_trial
    return PreflightCheck(f"a trial asks for {config.resources.cpus_per_trial:g} CPU and {asked} GPU", True)


def _data(config: StudyConfig) -> list[PreflightCheck]:
    """The data set, looked up once: tens of thousands of files take a second."""
    try:
        source = get(config.data)
        presence = check_files(config.data, source)
    except UserError as error:
        return [PreflightCheck(f"{error.where}: {error.what}", False, error.fix), _prepared(config)]
    found = PreflightCheck(f"data set {config.data.dataset}: {presence.text}", True)
    room_for = [] if presence.download else _room(config, source)
    return [found, *_decides(config, presence), _prepared(config), *room_for]


def _decides(config: StudyConfig, presence: Presence) -> list[PreflightCheck]:
    """What the validation part of a user's own images will not decide: a warning, as the study can be run."""
    counts = presence.counts
    said = [] if counts is None else before_decoding(config.data, counts, config.regimes.tau)
    fix = "give more images, or a higher validation_fraction"
    found = [PreflightCheck(text, False, fix, fatal=False, warning=True) for text in said]
    if counts is not None and config.data.metric == "error" and (text := imbalance(counts)):
        fix = "set data.metric to balanced_error if each class counts as much"
        found.append(PreflightCheck(text, False, fix, fatal=False, warning=True))
    folds, seeds = config.data.folds, config.search.seeds
    if folds is not None and seeds < folds:
        text = f"search.seeds is {seeds}, so a configuration is measured on {seeds} of {folds} folds at first"
        found.append(PreflightCheck(text, False, f"set it to {folds}", fatal=False, warning=True))
    return found


def _prepared(config: StudyConfig) -> PreflightCheck:
    """Where the data set is kept once it is prepared: a user without a home (HOME=/) has no such place."""
    folder = data_folder(config.data.root)
    for candidate in (folder, user_cache()):
        if os.access(next(path for path in (candidate, *candidate.parents) if path.exists()), os.W_OK):
            return PreflightCheck(f"prepared data go to {candidate}", True)
    fix = "set FITSCAPE_DATA or data.root to a writable folder"
    return PreflightCheck(f"prepared data need {folder} or {user_cache()}, and neither can be written", False, fix)


def _room(config: StudyConfig, source: Source) -> list[PreflightCheck]:
    """What the decoded images will take of the disk where they are many, before any is decoded."""
    needed = room(config.data, source)
    if needed is None or not needed.mapped:
        return []
    folder = place(config.data, source)
    if (folder / "facts.json").is_file():
        return [PreflightCheck(f"its {needed.images:,} images are prepared, in {folder}", True)]
    try:
        require_disk(folder.parent, copies(config.data) * needed.bytes - size(unfinished(folder)))
    except UserError as error:
        return [PreflightCheck(error.what, False, error.fix)]
    text = f"its {needed.images:,} images become {gigabytes(needed.bytes)} of files in {folder.parent}"
    free = f"{gigabytes(copies(config.data) * needed.bytes)} while they are made; {gigabytes(free_at(folder))} are free"
    return [PreflightCheck(f"{text}, {free}", True)]


def _disk(root: Path) -> PreflightCheck:
    existing = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free / 2**20
    if free < ROOM_MIB:
        return PreflightCheck(
            f"{free:.0f} MiB are free at {existing}", False, f"free {ROOM_MIB} MiB, or name another --root"
        )
    return PreflightCheck(f"{free / 1024:.0f} GiB are free at {existing}", True)


def _images_and_time(config: StudyConfig, cluster: Cluster, say: Callable[[str], None]) -> list[PreflightCheck]:
    """What the run will say of its images, of the trials that share a card, and of the time that its trials will take:
    from a few steps of its nets, on this machine alone; nothing where they cannot be timed."""
    from fitscape.study.driver.preparing import Known, measured, prepare, shared_card
    from fitscape.study.scheduling.estimate import describe, side_by_side

    try:
        prepared = prepare(config, Known(), local=cluster.local, say=say)
    except UserError as error:
        return [PreflightCheck(error.what, False, error.fix)]
    summary = prepared.data.summary()
    found = [PreflightCheck(f"images: {summary['sizes']}", True)] if summary.get("sizes") else []
    found += [PreflightCheck(text, False, fatal=False, warning=True) for text in summary.get("warnings", ())]
    if not cluster.local:  # which may be at work for others
        return found
    trials = config.search.trials
    settings, keep = measured(prepared, config, {}, cluster)
    request, sharing = shared_card(prepared, config, settings, cluster, trials)
    timed = side_by_side((keep or {}).get("timed", ()), request.per_card, mps=cluster.mps)
    text = describe(config, prepared.shape.work, timed, cluster.slots(request), trials)
    said = (sharing, f"expected: {text}" if text else "")
    return [*found, *(PreflightCheck(text, True) for text in said if text)]


def _durable(root: Path) -> PreflightCheck:
    if inside_session_folder(root):
        fix = "set FITSCAPE_ROOT to a folder on a durable volume"
        return PreflightCheck(f"{root.absolute()} is in Ray's session folder, which is deleted", False, fix)
    return PreflightCheck(f"{root.absolute()} outlives a Ray session", True)
