"""A long trial on spot nodes that are reclaimed again and again."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from raylets import Raylets

from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialState

pytestmark = [pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(1800)]
REPOSITORY = Path(__file__).parents[2]
LOSSES = 20
EPOCHS = 600


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Raylets]:
    """A head that runs no trials."""
    cluster = Raylets(tmp_path, head_cpus=0)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def progress(folder: Path) -> tuple[int, int]:
    """The trial's attempts and its epochs, as the driver knows them: a lost node's process may train on for a while."""
    if not (folder / "ledger.db").exists():
        return 0, 0
    with Ledger.open(folder / "ledger.db", read_only=True) as ledger:
        return next(((trial.attempts, len(trial.epochs)) for trial in ledger.trials()), (0, 0))


def test_twenty_lost_nodes_end_no_trial(head: Raylets, tmp_path: Path) -> None:
    log = (tmp_path / "driver.log").open("w")
    head.add()
    driver = subprocess.Popen(
        [sys.executable, REPOSITORY / "tests/support/one_long_trial.py", head.address, str(tmp_path), str(EPOCHS)],
        env={**head.environment, "PYTHONPATH": str(REPOSITORY)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        for loss in range(LOSSES):
            begun = progress(tmp_path)
            wait_for(
                lambda loss=loss, begun=begun: progress(tmp_path) >= (loss + 1, begun[1] + 3),
                f"it came no further after {loss} lost nodes: {(tmp_path / 'driver.log').read_text()}",
            )
            head.lose()
            head.add()
        assert driver.wait(timeout=400) == 0, (tmp_path / "driver.log").read_text()
    finally:
        driver.kill()
        log.close()
    with Ledger.open(tmp_path / "ledger.db", read_only=True) as ledger:
        (record,) = ledger.trials()
    assert record.state is TrialState.FINISHED
    assert record.attempts == LOSSES + 1
    assert [epoch.epoch for epoch in record.epochs] == list(range(1, EPOCHS + 1))
