"""A function in a process of its own: what native code crashes there, it does not crash here.

Not by ``multiprocessing``, whose spawned children run the caller's main module again: a user's script that starts a
study without a guard would start itself. The child knows the caller's path and nothing else of it.
"""

import contextlib
import faulthandler
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# A signal to the whole process group is the caller's to answer; the child ends when its caller does.
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM)
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from fitscape.study.isolated import child; child()"


class Crashed(Exception):
    """The process died; ``by`` is the signal's name, as SIGSEGV, or its exit code in words."""

    def __init__(self, by: str, traceback: str) -> None:
        self.by, self.traceback = by, traceback
        super().__init__(by)

    def __str__(self) -> str:
        return f"the process that ran it crashed ({self.by})"


class TookTooLong(Exception):
    """The function gave no answer in time, and its process was ended."""


_first: Callable[[], object] | None = None


def begin_with(first: Callable[[], object] | None) -> None:
    """What every child does before it reads what to call: it may make modules importable. None: nothing."""
    global _first
    _first = first


def call(function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """The function's result, from a process of its own. What goes in and comes out is pickled.

    Args:
        function: of a module that can be imported; a method or a lambda cannot be called.

    Raises:
        Crashed: the process died without an answer.
        Exception: what the function raised.
    """
    return _call(None, function, arguments, options)


def call_within(seconds: float, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """``call``, but it waits for the answer for so many seconds only.

    Raises:
        TookTooLong: there was none.
    """
    return _call(seconds, function, arguments, options)


def _call(seconds: float | None, function: Callable[..., T], arguments: Any, options: Any) -> T:
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            child.kill()

        clock = threading.Timer(seconds or 0, end)
        if seconds is not None:
            clock.start()
        try:
            with contextlib.suppress(BrokenPipeError):  # it has died already, as its exit code will say
                pickle.dump(_first, child.stdin, protocol=5)
                pickle.dump((function, arguments, options), child.stdin, protocol=5)
                child.stdin.flush()
            answer = child.stdout.read()
        except BaseException:
            child.kill()
            raise
        finally:
            clock.cancel()
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()  # from now on the child may end
            child.stdout.close()
            code = child.wait()
        if late.is_set():
            raise TookTooLong
        if code != 0 or not answer:
            errors.seek(0)
            raise Crashed(_cause(code), errors.read()[-4000:].decode("utf-8", "replace"))
    good, value = pickle.loads(answer)
    if not good:
        raise value
    result: T = value
    return result


def child() -> None:
    """The child's whole life: read what to call, call it, answer, wait until the answer was read."""
    faulthandler.enable()
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not end up in the answer
    first = pickle.load(sys.stdin.buffer)
    if first is not None:
        first()
    function, arguments, options = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_caller, daemon=True).start()
    try:
        answer = pickle.dumps((True, function(*arguments, **options)), protocol=5)
    except BaseException as error:  # noqa: BLE001  (raised again by the caller)
        answer = pickle.dumps((False, _portable(error)))
    answers.write(answer)
    answers.flush()
    os._exit(0)  # libraries that native code has damaged need not be torn down


def _end_with_caller() -> None:
    """The caller keeps our standard input open for as long as it wants the answer."""
    sys.stdin.buffer.read()
    os._exit(1)


def _portable(error: BaseException) -> BaseException:
    """The error, or its text where it cannot be pickled."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001  (foreign exceptions fail in ways of their own)
        return RuntimeError(f"{type(error).__name__}: {error}")


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
