"""Where a running Ray cluster is: an address that answers, or a line that says why there is none."""

import os
import socket
import tempfile
from pathlib import Path

from fitscape.study.errors import UserError

CONNECT_WITHIN = 5.0  # seconds
_LOOPBACK = ("127.", "localhost", "::1", "[::1]")


def answering(address: str) -> str:
    """The address of a cluster that takes connections, as HOST:PORT or a name that Ray knows.

    ``auto`` is looked up here. Ray itself trusts the file of the cluster that was started last, for minutes and deaf
    to Ctrl-C where that one is gone; and it joins any Ray of this machine, the private one of another study too.

    Raises:
        UserError: nothing answers, or it is another kind of address.
    """
    if address == "auto":
        return _on_this_machine()
    if address.startswith(("http://", "https://")):
        fix = "fitscape submit takes it; a run joins the cluster at HOST:6379, or unset RAY_ADDRESS to run here"
        raise UserError("is the address of Ray's Jobs API", where=address, fix=fix)
    if address.startswith("ray://"):
        fix = "name the head's GCS, HOST:6379, or use fitscape submit"
        raise UserError("Ray's client protocol cannot carry a study", where=address, fix=fix)
    if not address.rpartition(":")[2].isdecimal():
        fix = "HOST:PORT of the head, as in 10.0.0.1:6379, or auto"
        raise UserError("is not the address of a Ray cluster", where=f"--address {address}", fix=fix)
    problem = _problem(address, CONNECT_WITHIN)
    if problem:
        fix = "is it running, and is this its port?"
        raise UserError(f"no Ray cluster answers: {problem}", where=address, fix=fix)
    return address


def _on_this_machine() -> str:
    """The cluster that ``ray start`` started last, or another that is not private to a program."""
    from ray._private.services import find_gcs_addresses

    file = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()) / "ray" / "ray_current_cluster"
    said = file.read_text().strip() if file.is_file() else ""
    for address in dict.fromkeys((said, *sorted(find_gcs_addresses()))):
        if address and not address.startswith(_LOOPBACK) and not _problem(address, CONNECT_WITHIN / 2):
            return address
    stale = f"; {said} in {file} does not answer" if said else ""
    fix = "start one with `ray start --head`, name HOST:PORT, or leave --address out to run here"
    raise UserError(f"no Ray cluster runs on this machine{stale}", where="--address auto", fix=fix)


def _problem(address: str, within: float) -> str:
    """Why no connection is made; empty where one is."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=within).close()
    except (OSError, OverflowError, ValueError) as error:
        return str(error)
    return ""
