"""Random studies, valid and changed, through ``fitscape run``: no traceback, every refusal one line that names the key.

``python -m benchmarks.drills.fuzz_configs [--cases 2000] [--seed 0]``: about two minutes.
What is accepted is not run: the driver is replaced by one that does nothing, for a cluster that may have any resources.
"""

import argparse
import contextlib
import io
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from random_studies import VALID, changed

from benchmarks.drills.survival import report
from fitscape.study import driver
from fitscape.study.cli import main as fitscape
from fitscape.study.errors import ExitCode
from fitscape.study.reading.document import dump

REFUSAL = re.compile(r"fitscape: \S*s\.yaml:\d+: (?P<key>[^:]+): [^\n]+\n")
NO_STUDY = re.compile(r"fitscape: \S*s\.yaml(:\d+)?: [^\n]*(is not a study|is empty)[^\n]*\n")


class Cases:
    """What came of every study that was tried."""

    def __init__(self, folder: Path) -> None:
        self._file, self._root = folder / "s.yaml", folder / "runs"
        self.kinds: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()
        self.keys: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.faults: list[dict[str, Any]] = []

    def attempt(self, kind: str, document: Any) -> None:
        text = dump(document)
        self._file.write_text(text)
        out, err = io.StringIO(), io.StringIO()
        code: Any = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                fitscape(["run", str(self._file), "--root", str(self._root), "--address", "auto"])
            except SystemExit as left:
                code = left.code or 0
            except BaseException as error:  # noqa: BLE001  (what the drill looks for)
                code = repr(error)
        self.kinds[kind] += 1
        self.codes[code] += 1
        problem = self._problem(kind, document, code, out.getvalue() + err.getvalue())
        if problem:
            self.faults.append({"problem": problem, "kind": kind, "study": text, "said": err.getvalue()[-1000:]})

    def _problem(self, kind: str, document: Any, code: Any, said: str) -> str:
        """What is wrong with the answer; empty where nothing is."""
        if "Traceback" in said or code not in (ExitCode.DONE, ExitCode.BAD_INPUT):
            return f"exit code {code}"
        if code == ExitCode.DONE:
            self.accepted[kind] += 1
            return "said something" if said else ""
        if kind == "valid":
            return "a valid study was refused"
        found = REFUSAL.fullmatch(said)
        if found is None:
            return "" if not isinstance(document, dict) and NO_STUDY.fullmatch(said) else "no key is named"
        self.keys[re.sub(r"\[\d+\]", "[]", found["key"])] += 1
        return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cases, begun = Cases(Path(tempfile.mkdtemp(prefix="fitscape-drill-"))), time.monotonic()
    driver.run = lambda *arguments, **named: ExitCode.DONE
    for kind, documents in (("valid", VALID), ("changed", changed())):
        drawn = settings(
            max_examples=options.cases // 2,
            deadline=None,
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        )

        def attempt(document: Any) -> None:
            cases.attempt(kind, document)  # noqa: B023  (called before the next kind)

        drawn(seed(options.seed)(given(documents)(attempt)))()
    rows = [
        {"fault": f"a {kind} study", "tried": count, "survived": count - sum(f["kind"] == kind for f in cases.faults)}
        for kind, count in cases.kinds.items()
    ]
    report(
        "fuzz_configs",
        rows,
        {"answers that are wrong": len(cases.faults)},
        exit_codes={str(code): count for code, count in cases.codes.items()},
        keys_blamed=len(cases.keys),
        seconds=round(time.monotonic() - begun, 1),
        seed=options.seed,
        still_valid=cases.accepted["changed"],
        examples=cases.faults[:20],
    )
    for fault in cases.faults[:5]:
        print(fault)
    raise SystemExit(1 if cases.faults else 0)


if __name__ == "__main__":
    main()
