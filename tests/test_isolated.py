"""A function in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fitscape.study.errors import UserError
from fitscape.study.isolated import Crashed, call


def test_its_result_comes_back_and_its_output_does_not(capfd: pytest.CaptureFixture[str]) -> None:
    assert call(divmod, 7, 2) == (3, 1)
    call(print, "noise")
    call(os.system, "echo more noise")
    assert capfd.readouterr() == ("", "")


def test_what_it_raises_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        call(divmod, 1, 0)


def test_an_error_of_the_user_keeps_its_parts() -> None:
    with pytest.raises(UserError, match=r"^data: what \(do this\)$") as caught:
        call(refuse)
    assert (caught.value.what, caught.value.where, caught.value.fix) == ("what", "data", "do this")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL, signal.SIGFPE])
def test_a_crash_is_named_by_its_signal(number: signal.Signals) -> None:
    with pytest.raises(Crashed, match=f"crashed \\({number.name}\\)"):
        call(signal.raise_signal, number)


def test_large_arrays_travel() -> None:
    array = np.arange(2_000_000)
    assert (call(np.flip, array)[::-1] == array).all()


def test_a_script_without_a_guard_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "study_script.py"
    script.write_text(
        "from fitscape.study.isolated import call\nprint('once', flush=True)\nprint(call(divmod, 7, 2))\n"
    )
    (tmp_path / "json.py").write_text("raise SystemExit('a module of the working folder')")
    code = f"import sys; sys.path.remove(''); exec(open({str(script)!r}).read())"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert ran.stdout == "once\n(3, 1)\n", ran.stderr


def test_it_ends_with_its_caller(tmp_path: Path) -> None:
    code = "import time; from fitscape.study.isolated import call; call(time.sleep, 600)"
    caller = subprocess.Popen([sys.executable, "-c", code], env=environment())
    try:
        deadline = time.monotonic() + 20
        while not (children := children_of(caller.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        caller.kill()
        caller.wait()
    (child,) = children
    while Path("/proc", str(child)).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path("/proc", str(child)).exists()


def refuse() -> None:
    raise UserError("what", where="data", fix="do this")


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def children_of(pid: int) -> list[int]:
    return [int(p) for p in Path("/proc", str(pid), "task", str(pid), "children").read_text().split()]
