"""Ray's Jobs API: hand a study to a cluster and watch it from afar."""

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fitscape.study.errors import UserError
from fitscape.study.patience import insist
from fitscape.study.scheduling.authentication import require_token
from fitscape.study.scheduling.cluster import PACKAGE

# Ray refuses more than 100 MiB, after it has packed and sent it.
LARGEST_PACKAGE = 90 * 2**20
LEFT_OUT = ("__pycache__", "*.pyc", ".*")
# `ray job stop` asks as Ctrl-C does, and waits until running epochs have ended and MLflow has the rest.
STOPPING = {"RAY_JOB_STOP_SIGNAL": "SIGINT", "RAY_JOB_STOP_WAIT_TIME_S": "45"}
OUT_OF_REACH_FOR = 120.0  # seconds without an answer after which watching ends
CHATTY = (
    "ray._private.runtime_env.packaging",
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
)
ENDED = ("SUCCEEDED", "FAILED", "STOPPED")


class Jobs:
    """The Jobs API at one address, which has answered and let us in."""

    def __init__(self, address: str) -> None:
        """Raises UserError: it is not an http address, nothing answers there, or the token is refused."""
        fix = "the dashboard's, http://HOST:8265"
        if not address.startswith(("http://", "https://")):
            raise UserError("is not the address of a Jobs API", where=f"--address {address}", fix=fix)
        require_token()
        from ray.exceptions import AuthenticationError
        from ray.job_submission import JobSubmissionClient

        for name in CHATTY:  # they set a level of their own
            logging.getLogger(name).setLevel(logging.ERROR)
        self.address = address
        try:
            self._client: Any = JobSubmissionClient(address)
        except AuthenticationError as error:
            fix = "set RAY_AUTH_TOKEN_PATH to a file with the cluster's token"
            raise UserError("the Jobs API refuses the token", where=address, fix=fix) from error
        except Exception as error:  # Ray lets pass whatever its HTTP client raises
            raise UserError(f"no Jobs API answers: {_first_line(error)}", where=address, fix=fix) from error

    def submit(self, folder: Path, entrypoint: str, packages: Sequence[Path] = ()) -> str:
        """Upload the folder as the job's working directory and start the command there; returns the job's id.

        Each of the ``packages`` is a folder that the job finds on its path; one that the cluster has is not sent again.

        Raises:
            UserError: the folder is too large, or Ray refuses it.
        """
        for sent in (folder, *packages):
            require_small(sent)
        environment: dict[str, Any] = {"working_dir": str(folder), "env_vars": STOPPING}
        if packages:
            environment["py_modules"] = [str(package) for package in packages]
        try:
            job: str = self._client.submit_job(entrypoint=entrypoint, runtime_env=environment)
        except Exception as error:
            raise UserError(f"the cluster refused the job: {_first_line(error)}", where=self.address) from error
        return job

    def follow(self, job: str, say: Callable[[str], None]) -> int | None:
        """Pass on what the job prints until it ends; returns its exit code, None where it has none (it was killed).

        A connection that breaks is made again.

        Raises:
            UserError: the job failed to start; or the cluster has not answered for two minutes, then it may go on.
        """
        said = 0

        def look() -> Any:
            nonlocal said
            said = asyncio.run(self._tail(job, said, say))
            return self._client.get_job_info(job)

        while True:
            try:
                info = insist(look, within=OUT_OF_REACH_FOR, refusals=(Exception,))
            except Exception as error:
                fix = f"the study may still run; look with: ray job logs {job} --address {self.address}"
                raise UserError(f"out of reach: {_first_line(error)}", where=self.address, fix=fix) from error
            if info.status in ENDED:
                break
            time.sleep(1.0)
        code: int | None = info.driver_exit_code
        if info.status == "FAILED" and code is None:
            why = " ".join(str(info.message or "Ray does not say why").split())[:300]
            fix = f"ray job logs {job} --address {self.address}"
            raise UserError(f"job {job} failed before the study started: {why}", where=self.address, fix=fix)
        return 0 if info.status == "SUCCEEDED" else code

    async def _tail(self, job: str, said: int, say: Callable[[str], None]) -> int:
        """The log from character ``said`` on, until the connection ends; returns how far it has come."""
        position = 0
        with contextlib.suppress(ConnectionError, RuntimeError):
            async for text in self._client.tail_job_logs(job):
                new = text[max(0, said - position) :]
                position += len(text)
                if new:
                    say(new)
        return max(said, position)


def stage(folder: Path) -> None:
    """Put our package into an empty folder: the cluster runs this code, whatever is installed there."""
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns(*LEFT_OUT))


def require_small(folder: Path) -> None:
    """Raises UserError: Ray would refuse the folder; the text names its largest file."""
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    total = sum(sizes.values())
    if total > LARGEST_PACKAGE:
        largest = max(sizes, key=lambda path: sizes[path])
        what = f"{total / 2**20:.0f} MiB are too much to send, Ray takes 100; {largest.relative_to(folder)} is largest"
        raise UserError(what, where=str(folder), fix="leave data and results outside")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0][:300]
