"""Which tests enter which function, and how long each takes, from a run of the unchanged code under coverage."""

import ast
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import Any

import coverage
import pytest

# Loaded once, before a process is forked for each run: most of the time of a short run is theirs.
PRELOADED = ("numpy", "scipy.stats", "scipy.optimize", "torch", "optuna", "statsmodels.api", "PIL.Image")
OPTIONS = ("-m", "not slow and not gpu and not compose", "-x", "-q", "--no-header", "--tb=line")

STARTING = 10.0  # seconds of processor time, at most, to collect the tests


def preload() -> None:
    for name in PRELOADED:
        import_module(name)


def forked(work: Callable[[], int], log: Path, cpu: float, wall: float) -> int | None:
    """Do ``work`` in a process of its own, which ends with what the work returns.

    Args:
        work: What is done; returns an exit code.
        log: What it prints.
        cpu: Its limit of processor time, in seconds.
        wall: Its limit by the clock, in seconds.

    Returns:
        The exit code, negative where a signal ended it (SIGXCPU at the limit of processor time), and None at the
        limit by the clock.
    """
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu) + 1, int(cpu) + 6))
        resource.setrlimit(resource.RLIMIT_DATA, (8 << 30, 8 << 30))  # some mutants ask for terabytes
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        code = 70
        try:
            code = work()
        except BaseException:  # noqa: BLE001 - whatever it was, the log tells
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    end = time.monotonic() + wall
    status = None
    while status is None and time.monotonic() < end:
        done, word = os.waitpid(child, os.WNOHANG)
        status = os.waitstatus_to_exitcode(word) if done else None
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # and whatever it left behind
    if status is None:
        os.waitpid(child, 0)
    return status


def tried(tests: list[str], tree: Path, *plugins: object) -> int:
    """pytest's exit code for these tests of the copy, in this process. Only the recorded code leaves bytecode."""
    sys.dont_write_bytecode = not plugins
    os.environ["PYTHONDONTWRITEBYTECODE"] = "" if plugins else "1"
    sys.path.insert(0, str(tree))
    return int(pytest.main([*OPTIONS, *tests], plugins=plugins))


class _Recorder:
    """Each test, and each fixture that several tests share, is a context of the coverage."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured, self._contexts = measured, [""]
        self.passed: dict[str, dict[str, Any]] = {}

    @contextmanager
    def _context(self, name: str) -> Iterator[None]:
        self._contexts.append(name)
        self._measured.switch_context(name)
        try:
            yield
        finally:
            self._contexts.pop()
            self._measured.switch_context(self._contexts[-1])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        begin = time.process_time()
        self.passed[item.nodeid] = {"fixtures": list(getattr(item, "fixturenames", ()))}
        with self._context(item.nodeid):
            result = yield
        if item.nodeid in self.passed:
            self.passed[item.nodeid]["seconds"] = time.process_time() - begin
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        if fixturedef.scope == "function":
            return (yield)
        with self._context(f"fixture {fixturedef.argname}"):
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.passed.pop(report.nodeid, None)


class CleanRuns:
    """What the tests do on the unchanged code: one run of each file, kept."""

    def __init__(self, tree: Path, place: Path, seconds: float) -> None:
        self._tree, self._place, self._seconds = tree, place, seconds
        self._known: dict[str, tuple[dict[str, Any], coverage.CoverageData]] = {}

    def _of(self, file: str) -> tuple[dict[str, Any], coverage.CoverageData]:
        if file not in self._known:
            kept = self._place / file.replace("/", ".")
            data, passed = kept.with_suffix(".coverage"), kept.with_suffix(".json")
            if not passed.exists():
                data.unlink(missing_ok=True)
                code = forked(lambda: self._record(file, data, passed), kept.with_suffix(".log"), 1200, 3600)
                if code not in (0, 1, 5):  # all passed, some failed, none was chosen
                    raise SystemExit(f"{file} cannot be run on unchanged code (exit code {code}): {kept}.log")
                print(f"unchanged code, {file}: exit code {code}", flush=True)
            lines = coverage.CoverageData(str(data))
            lines.read()
            self._known[file] = (json.loads(passed.read_text()) if passed.exists() else {}), lines
        return self._known[file]

    def _record(self, file: str, data: Path, passed: Path) -> int:
        measured = coverage.Coverage(data_file=str(data), include=[f"{self._tree}/study/*"], config_file=False)
        recorder = _Recorder(measured)
        measured.start()
        code = tried([file], self._tree, recorder)
        measured.stop()
        measured.save()
        passed.write_text(json.dumps(recorder.passed))
        return code

    def covering(self, module: Path, lines: range, files: list[str]) -> tuple[list[str], float]:
        """Tests of these files that enter the function around these lines, the cheapest of a file first; their limit.

        They are cut where they take more than a third of the limit together on unchanged code, so that whoever
        reaches it is in an endless loop. Few cheap tests have a lower one.
        """
        function = _around((self._tree / module).read_text(), lines)
        found: list[tuple[str, float]] = []
        for file in files:
            passed, data = self._of(file)
            by_line = data.contexts_by_lineno(str(self._tree / module))
            entered = {
                name for line, names in by_line.items() if function is None or line in function for name in names
            }
            shared = {name.removeprefix("fixture ") for name in entered if name.startswith("fixture ")}
            costs = [
                (about["seconds"], test)
                for test, about in passed.items()
                if test in entered or shared & set(about["fixtures"]) or (function is None and by_line)
            ]
            found += [(test, cost) for cost, test in sorted(costs)]
        spent = list(accumulate(cost for _, cost in found))
        kept = sum(so_far <= self._seconds / 3 for so_far in spent)
        return [test for test, _ in found[:kept]], min(self._seconds, STARTING + 3 * sum(c for _, c in found[:kept]))


def _around(source: str, lines: range) -> range | None:
    """The body of the innermost function that has these lines; None where they run on import."""
    bodies = [
        range(node.body[0].lineno, (node.end_lineno or 0) + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return min((body for body in bodies if lines.start in body), key=len, default=None)
