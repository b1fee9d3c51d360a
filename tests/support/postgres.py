"""A real PostgreSQL in a folder of its own, on a Unix socket and a loopback port."""

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from mlflow_server import free_port

BINARIES = next((p for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/none"))


def installed() -> bool:
    return (BINARIES / "initdb").exists()


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[str]:
    """Its URI for SQLAlchemy; ``durable`` waits for the disk at each commit, as a server does."""
    folder = Path(tempfile.mkdtemp(prefix="fitscape-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data, port = str(folder / "data"), free_port()
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()
    fsync = "on" if durable else "off"
    settings = f"-c fsync={fsync} -c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
    subprocess.run(_as_postgres(str(BINARIES / "initdb"), "-D", data, "-A", "trust"), check=True, capture_output=True)
    control = _as_postgres(str(BINARIES / "pg_ctl"), "-D", data, "-w")
    subprocess.run([*control, "-o", settings, "-l", str(folder / "log"), "start"], check=True, capture_output=True)
    try:
        yield f"postgresql+psycopg://{user}:s3cret@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)
        shutil.rmtree(folder)


def rows(uri: str, query: str) -> list[tuple]:
    engine = sqlalchemy.create_engine(uri)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(sqlalchemy.text(query))]
    engine.dispose()
    return found


def _as_postgres(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)
