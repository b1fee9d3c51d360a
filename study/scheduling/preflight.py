"""What can be wrong with a cluster, found before a trial waits for it."""

import hashlib
import os
import platform
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fitscape.study.config import ResourceConfig
from fitscape.study.lazy import install_command
from fitscape.study.plugins import Code, installed
from fitscape.study.scheduling.answers import answers
from fitscape.study.scheduling.card_preflight import look_at_cards
from fitscape.study.scheduling.checks import PreflightCheck
from fitscape.study.scheduling.cluster import PACKAGE, Cluster, errand
from fitscape.study.scheduling.packing import Node, Request
from fitscape.study.storage import is_file, open_storage, read_storage, write_storage

ROOM_MIB = 500  # on the disk of the runs folder, and of the storage as each node sees it
HERE = "this machine"
UNUSABLE = "cannot import it"
NOT_SHARED = "what the driver wrote is not there: it is not the same storage"


def look_at(
    cluster: Cluster,
    resources: ResourceConfig,
    storage: str,
    extras: tuple[str, ...] = (),
    say: Callable[[str], None] = lambda text: None,
) -> list[PreflightCheck]:
    """Resources; and of every node: it answers, its versions and code are this process's, it reaches the storage.

    A node or a card that cannot be used is put into ``cluster.aside``, as long as there is another.

    Args:
        cluster: entered.
        resources: what a trial asks for.
        storage: folder or URI that checkpoints go to.
        extras: optional packages that the study needs, each of an extra of its name; looked for on every node.
        say: gets a sentence where nodes take long to answer.
    """
    here = probe(None, extras)
    if cluster.local:
        there = [(HERE, probe(storage)["storage"])]
        findings = [*(_extra(name, [(HERE, here)]) for name in extras), _storage(there, storage)]
    else:
        findings = _nodes(cluster, here, storage, extras, say)
    findings += look_at_cards(cluster, resources, say)
    return [_room(cluster.usable(), resources), *findings]


def _nodes(
    cluster: Cluster, here: dict[str, str], storage: str, extras: tuple[str, ...], say: Callable[[str], None]
) -> list[PreflightCheck]:
    """Every node that runs trials is asked; those at fault are set aside, unless all are."""
    workers = [node for node in cluster.nodes() if node.cpus > 0]
    with _sign(storage) as (sign, trouble):
        told_by = _ask(workers, storage, extras, sign, say)
        unseen = {node.id: _unseen(storage, node.host, told_by[node.id]) for node in workers if node.id in told_by}

    def compare(nodes: list[Node]) -> list[PreflightCheck]:
        told = [(node.host, told_by[node.id]) for node in nodes if node.id in told_by]
        lost = "; ".join(filter(None, (unseen.get(node.id) for node in nodes)))
        return _compare(here, told, storage, extras, trouble or lost)

    silent = PreflightCheck("it does not answer", False, "look at it with `ray status`")
    faults = {node.id: [f for f in compare([node]) if not f.ok] if node.id in told_by else [silent] for node in workers}
    sound = [node for node in workers if not faults[node.id]]
    if not sound:  # the fault is everywhere, or this machine's
        return [_answering(workers, told_by), *compare(workers)]
    findings = [_answering(sound, told_by)]
    for node in workers:
        if faults[node.id]:
            why = cluster.aside.nodes[node.id] = "; ".join(finding.what for finding in faults[node.id])
            fix = "; ".join(finding.fix for finding in faults[node.id])
            findings.append(PreflightCheck(f"{node.host} is left out: {why}", False, fix, fatal=False))
    return findings + compare(sound)


def _answering(nodes: list[Node], told_by: dict[str, dict[str, str]]) -> PreflightCheck:
    silent = [node.host for node in nodes if node.id not in told_by]
    what = f"{len(nodes) - len(silent)} of {len(nodes)} nodes answer" + (f", not {', '.join(silent)}" if silent else "")
    return PreflightCheck(what, not silent, "look at these nodes with `ray status`" if silent else "")


def _compare(
    here: dict[str, str], told: list[tuple[str, dict[str, str]]], storage: str, extras: tuple[str, ...], trouble: str
) -> list[PreflightCheck]:
    """What nodes say of themselves beside what this process is; ``trouble`` is its own with the storage."""
    findings = [_same(key, here, told) for key in here if key not in extras]
    findings += [_extra(name, [(HERE, here), *told]) for name in extras]
    findings += _own_code(told)
    return [*findings, _storage([(HERE, trouble), *((host, answer["storage"]) for host, answer in told)], storage)]


def probe(
    storage: str | None, extras: tuple[str, ...] = (), sign: str = "", code: Code | None = None
) -> dict[str, str]:
    """What one node is; with ``storage`` also what is wrong with that: write, read back, room (empty: nothing).

    Args:
        storage: folder or URI.
        extras: of each its version, or UNUSABLE and why it cannot be imported.
        sign: a file that the driver has put there: the node must see it, and leaves one of its own, ``left``, for the
            driver to see. A disk of the node's own takes every write and reads it back.
        code: of the user's: ``own_code`` is then what is wrong with importing it there.
    """
    facts = {
        "python": platform.python_version(),
        **{name: _version(name) for name in ("torch", "ray")},
        "code": _code(),
        **{name: _usable(name) for name in extras},
        **({"own_code": _import(code)} if code else {}),
    }
    if storage is None:
        return facts
    name = f"probe-{uuid.uuid4().hex}"
    try:
        fs, root = open_storage(storage)
        fs.create_dir(root, recursive=True)
        with fs.open_output_stream(f"{root}/{name}") as stream:
            stream.write(name.encode())
        with fs.open_input_stream(f"{root}/{name}") as stream:
            wrong = stream.read() != name.encode()
        if sign:
            facts["left"] = name
            unseen = not is_file(fs, f"{root}/{sign}")
        else:
            fs.delete_file(f"{root}/{name}")
            unseen = False
        free = shutil.disk_usage(root).free / 2**20 if fs.type_name == "local" else ROOM_MIB
        problem = "what was written reads back otherwise" if wrong else NOT_SHARED if unseen else ""
        return {**facts, "storage": problem if free >= ROOM_MIB else f"{free:.0f} MiB are free, {ROOM_MIB} are needed"}
    except (OSError, ValueError) as error:
        return {**facts, "storage": str(error).split("\n")[0]}


@contextmanager
def _sign(storage: str) -> Iterator[tuple[str, str]]:
    """A file of this process's in the storage, for as long as nodes look for it; its name, and what is wrong."""
    name = f"probe-{uuid.uuid4().hex}"
    try:
        write_storage(storage, name, name.encode())
    except (OSError, ValueError) as error:
        yield "", str(error).split("\n")[0]
        return
    try:
        yield name, ""
    finally:
        _remove(storage, name)


def _unseen(storage: str, host: str, answer: dict[str, str]) -> str:
    """Why this process does not find what a node left in the storage; removes what it finds."""
    if "left" not in answer:
        return ""
    try:
        if read_storage(storage, answer["left"]) != answer["left"].encode():
            return f"what {host} wrote is not here: it is not the same storage"
    except OSError as error:
        return str(error).split("\n")[0]
    _remove(storage, answer["left"])
    return ""


def _remove(storage: str, name: str) -> None:
    with suppress(OSError):
        fs, root = open_storage(storage)
        fs.delete_file(f"{root}/{name}")


def _ask(
    nodes: list[Node], storage: str, extras: tuple[str, ...], sign: str, say: Callable[[str], None]
) -> dict[str, dict[str, str]]:
    """Run ``probe`` on every node at once; node id -> answer, for those that answer in time."""
    code = installed()
    return answers({errand(probe, node.id).remote(storage, extras, sign, code): node.id for node in nodes}, say)


def _room(nodes: list[Node], resources: ResourceConfig) -> PreflightCheck:
    gpus = sum(node.gpus for node in nodes)
    asked = resources.gpus_per_trial
    share = (1.0 if gpus else 0.0) if asked == "auto" else asked
    request = Request(resources.cpus_per_trial, share)
    slots = sum(node.slots(request) for node in nodes)
    there = f"{sum(node.cpus for node in nodes):g} CPU and {gpus:g} GPU on {len(nodes)} node(s)"
    if slots and gpus and asked == "auto":
        text = f"a trial takes {resources.cpus_per_trial:g} CPU and a share of a card, which is measured; {there}"
        return PreflightCheck(text, True)
    if slots:
        return PreflightCheck(f"a trial takes {request}; {slots} fit at once on {there}", True)
    fix = "lower resources.cpus_per_trial or resources.gpus_per_trial, or add a node"
    return PreflightCheck(f"a trial takes {request}; no node has that ({there})", False, fix)


def _same(key: str, here: dict[str, str], answers: list[tuple[str, dict[str, str]]]) -> PreflightCheck:
    other = sorted({f"{host} has {answer[key]}" for host, answer in answers if answer[key] != here[key]})
    if not other:
        return PreflightCheck(f"{key} {here[key]} on every node", True)
    return PreflightCheck(
        f"{key} is {here[key]} here, but {'; '.join(other)}", False, f"install the same {key} everywhere"
    )


def _extra(name: str, answers: list[tuple[str, dict[str, str]]]) -> PreflightCheck:
    """An optional package: usable on every node, and the same everywhere. The first answer is this process's."""
    lacking = [f"{host} {answer[name]}" for host, answer in answers if answer[name].startswith(UNUSABLE)]
    if lacking:
        return PreflightCheck(f"the study needs {name}: {'; '.join(lacking)}", False, f"there: {install_command(name)}")
    return _same(name, answers[0][1], answers[1:])


def _own_code(told: list[tuple[str, dict[str, str]]]) -> list[PreflightCheck]:
    """The user's code, where nodes were asked to import it."""
    asked = [(host, answer["own_code"]) for host, answer in told if "own_code" in answer]
    wrong = [f"{host}: {problem}" for host, problem in asked if problem]
    if wrong:
        fix = "install there what it imports"
        return [PreflightCheck(f"your own code cannot be imported: {'; '.join(wrong)}", False, fix)]
    return [PreflightCheck("your own code can be imported on every node", True)] if asked else []


def _storage(answers: list[tuple[str, str]], storage: str) -> PreflightCheck:
    wrong = [f"{host}: {problem}" for host, problem in answers if problem]
    if not wrong:
        return PreflightCheck(f"{storage} can be written and read from every node", True)
    fix = "set FITSCAPE_STORAGE to a shared folder or s3://BUCKET/PATH that every node reaches, with room"
    return PreflightCheck(f"{storage} cannot be used: {'; '.join(wrong)}", False, fix)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _usable(package: str) -> str:
    """Its version once it has been imported: one that is there may be broken, or of another torch."""
    try:
        import_module(package)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return f"{UNUSABLE} ({str(error).partition(chr(10))[0]})"
    return _version(package)


def _import(code: Code) -> str:
    """What is wrong with importing the user's code here; empty where nothing is."""
    code.install()
    try:
        for name in code.named:
            name.reference.load()
    except Exception as error:  # noqa: BLE001  (it is not ours)
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return ""


def _code() -> str:
    """A hash of our package as this process imports it."""
    digest = hashlib.sha256()
    for part in (PACKAGE / name for name in ("models", "search_spaces", "study")):  # rglob follows no link
        for file in sorted(part.rglob("*.py")):
            digest.update(f"{file.relative_to(PACKAGE)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def inside_session_folder(path: Path) -> bool:
    """Whether Ray will throw the folder away with its session (a submitted job's working directory is there)."""
    session = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray"
    resolved = path.resolve()
    return session.resolve() in resolved.parents or "runtime_resources" in resolved.parts
