"""Drivers as processes, to be killed, and a look into the ledger that they write."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialRecord

REPOSITORY = Path(__file__).parents[2]


class Drivers:
    """Starts drivers of one study."""

    def __init__(self, root: Path, config: StudyConfig) -> None:
        self.root, self.config = root, config
        self.folder = root / config.name
        self._config = root / "config.json"
        self._config.write_text(config.model_dump_json())
        self._log = root / "log.txt"

    def start(self, command: str, **options: object) -> subprocess.Popen[bytes]:
        support = REPOSITORY / "tests" / "support"
        return subprocess.Popen(
            [sys.executable, support / "drive.py", command, self.root, self._config, json.dumps(options)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{support}", "OMP_NUM_THREADS": "1"},
            stdout=self._log.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ledger(self) -> Ledger:
        return Ledger.open(self.folder / "ledger.db", read_only=True)

    def trials(self) -> list[TrialRecord]:
        with self.ledger() as ledger:
            return ledger.trials()

    def wait_until(
        self, driver: subprocess.Popen[bytes], seen: Callable[[list[TrialRecord]], bool], within: float = 120
    ) -> None:
        """Until the ledger shows it; a driver that ends before that is a failure."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            try:
                if seen(self.trials()):
                    return
            except (UserError, TypeError):  # not made yet, or just being made
                pass
            assert driver.poll() is None, f"the driver ended with {driver.returncode}:\n{self.log}"
            time.sleep(0.05)
        raise AssertionError(f"not seen in {within} s:\n{self.log}")


def small_study(name: str, *, trials: int, epochs: int) -> StudyConfig:
    """Narrow ResNets on digits: half a second per epoch on one core."""
    return StudyConfig.model_validate(
        {
            "name": name,
            "base": {"model": {"width": 0.125}, "optimization": {"epochs": epochs}},
            "space": {"lr": {"low": 0.01, "high": 0.3, "log": True}},
            "search": {"trials": trials},
            "resources": {"precision": "fp32"},
        }
    )
