import fcntl
import signal
import subprocess
import sys
import threading
import time

import pytest

from fitscape.study.errors import StudyLocked
from fitscape.study.files import LOCK
from fitscape.study.ledger import StudyLock, holder

HOLD = (
    "import sys, time, pathlib; from fitscape.study.ledger import StudyLock\n"
    "with StudyLock(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)\n"
)


@pytest.fixture
def other_driver(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_driver_is_turned_away_at_once_and_told_who_holds_the_study(tmp_path, other_driver):
    """Row 24."""
    with pytest.raises(StudyLocked, match=f"process {other_driver.pid} on .* since") as caught:
        StudyLock(tmp_path).acquire()
    assert str(tmp_path) in str(caught.value)
    assert holder(tmp_path).pid == other_driver.pid


def test_the_lock_of_a_killed_driver_is_taken_over_and_named(tmp_path, other_driver):
    """Row 7, the lock's part."""
    other_driver.send_signal(signal.SIGKILL)
    other_driver.wait()
    assert holder(tmp_path) is None
    with StudyLock(tmp_path) as lock:
        assert lock.took_over.pid == other_driver.pid


def test_a_released_lock_leaves_no_trace_of_a_holder(tmp_path):
    assert holder(tmp_path) is None
    with StudyLock(tmp_path):
        pass
    with StudyLock(tmp_path) as lock:
        assert lock.took_over is None


def test_who_looks_at_the_holder_on_a_busy_machine_turns_no_driver_away(tmp_path):
    """It was put to sleep while it shared the lock: the driver heard that another process held the study."""
    with StudyLock(tmp_path):
        pass
    with (tmp_path / LOCK).open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(2.0, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        begun = time.monotonic()
        StudyLock(tmp_path).acquire().release()
        assert time.monotonic() - begun > 1


def test_asking_who_holds_a_study_never_turns_a_driver_away(tmp_path):
    with StudyLock(tmp_path):
        pass
    asker = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib, time; from fitscape.study.ledger import holder\n"
            "end = time.monotonic() + 1.5\n"
            "while time.monotonic() < end: holder(pathlib.Path(sys.argv[1]))\n",
            str(tmp_path),
        ]
    )
    while asker.poll() is None:
        StudyLock(tmp_path).acquire().release()
        time.sleep(0.01)
