"""What is sent to a cluster, and what is not."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow_server import free_port

from fitscape.study.errors import UserError
from fitscape.study.scheduling import jobs
from fitscape.study.scheduling.jobs import Jobs, require_small, stage


def test_a_staged_folder_is_the_code_and_nothing_else(tmp_path: Path) -> None:
    stage(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fitscape"]
    assert (tmp_path / "fitscape/study/ledger/schema.sql").is_file()
    assert not list(tmp_path.rglob("__pycache__"))
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 5 * 2**20


def test_a_large_folder_is_refused_by_its_largest_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LARGEST_PACKAGE", 1000)
    (tmp_path / "small.txt").write_bytes(b"x" * 400)
    require_small(tmp_path)
    (tmp_path / "large.bin").write_bytes(b"x" * 700)
    with pytest.raises(UserError, match=r"large\.bin is largest"):
        require_small(tmp_path)


def test_an_address_where_nothing_answers_is_refused() -> None:
    with pytest.raises(UserError, match="no Jobs API answers"):
        Jobs(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("address", ["auto", "10.0.0.1:6379", "ray://10.0.0.1:10001"])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="not the address of a Jobs API"):
        Jobs(address)


class BrokenStream:
    """A Jobs API whose connection breaks after each piece of the log, and begins anew."""

    def __init__(self, pieces: list[str], status: str, code: int | None) -> None:
        self._pieces, self._status, self._code, self._asked = pieces, status, code, 0

    async def tail_job_logs(self, job: str):
        self._asked += 1
        for piece in self._pieces[: self._asked]:
            yield piece
        if self._asked < len(self._pieces):
            raise ConnectionError

    def get_job_info(self, job: str) -> "BrokenStream":
        return self

    @property
    def status(self) -> str:
        return self._status if self._asked >= len(self._pieces) else "RUNNING"

    message = "Failed to download the working directory:\nno room"

    @property
    def driver_exit_code(self) -> int | None:
        return self._code


@pytest.mark.parametrize(
    ("status", "code", "expected"), [("SUCCEEDED", None, 0), ("FAILED", 3, 3), ("STOPPED", None, None)]
)
def test_a_broken_connection_is_made_again_and_nothing_is_said_twice(
    status: str, code: int | None, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.time, "sleep", lambda seconds: None)
    followed = Jobs.__new__(Jobs)
    followed._client = BrokenStream(["one\n", "two\n", "three\n"], status, code)
    said: list[str] = []
    with ThreadPoolExecutor(1) as thread:  # of its own: Playwright's loop still runs in the tests' main thread
        assert thread.submit(followed.follow, "job", said.append).result() == expected
    assert "".join(said) == "one\ntwo\nthree\n"


def test_a_job_that_was_followed_for_hours_is_given_as_long_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time without an answer counts from the first refusal: the log's connection had stood all the while."""
    now = [0.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(jobs.time, "sleep", lambda seconds: None)

    class AwayForAMoment(BrokenStream):
        async def tail_job_logs(self, job: str):
            async for piece in super().tail_job_logs(job):
                now[0] += 3600
                yield piece

        def get_job_info(self, job: str) -> "BrokenStream":
            if self._asked == 1:
                raise OSError("no route to host")
            return self

    followed = Jobs.__new__(Jobs)
    followed.address = "http://h:8265"
    followed._client = AwayForAMoment(["one\n", "two\n"], "SUCCEEDED", None)
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(followed.follow, "job", lambda text: None).result() == 0


def test_a_job_that_failed_before_its_command_began_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs.time, "sleep", lambda seconds: None)
    followed = Jobs.__new__(Jobs)
    followed.address = "http://h:8265"
    followed._client = BrokenStream([], "FAILED", None)
    with (
        ThreadPoolExecutor(1) as thread,
        pytest.raises(
            UserError, match=r"failed before the study started: Failed to download the working dir.*: no room"
        ),
    ):
        thread.submit(followed.follow, "raysubmit_1", lambda text: None).result()
