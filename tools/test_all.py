"""Run every test that this machine can run, slow ones too, and list with reasons what was left out: `make test-all`.

Words after the command go to pytest.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SKIPPED = re.compile(r"^SKIPPED \[(\d+)\] (.+)$", re.MULTILINE)


def no_card() -> str:
    """Why tests marked ``gpu`` cannot run here; empty where they can."""
    code = "import torch; raise SystemExit(not torch.cuda.is_available())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
    return "" if found else "torch finds no CUDA device"


def no_engine() -> str:
    """Why tests marked ``compose`` cannot run here; empty where they can."""
    docker = shutil.which("docker")
    if docker is None:
        return "there is no docker command"
    answer = subprocess.run([docker, "info"], capture_output=True, text=True)
    return "" if answer.returncode == 0 else "no container engine answers docker info"


def count(mark: str, *paths: str) -> int:
    """How many tests have a mark. pytest is asked to be quiet once already: twice, and it names no test."""
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", mark, "--collect-only", *paths], cwd=ROOT, capture_output=True, text=True
    )
    return sum("::" in line for line in listed.stdout.splitlines())


def main() -> int:
    lacking = {mark: why for mark, why in (("gpu", no_card()), ("compose", no_engine())) if why}
    chosen = " and ".join(f"not {mark}" for mark in lacking)
    command = [sys.executable, "-m", "pytest", "-m", chosen, "-rs", "-p", "no:cacheprovider", *sys.argv[1:]]
    log = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "CI": ""}
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            log.append(line)
            print(line, end="", flush=True)
    left = [f"{count(mark)} tests marked {mark}: {why}" for mark, why in lacking.items()]
    left += [f"{number} tests: {why}" for number, why in SKIPPED.findall("".join(log))]
    print("\nNot run here:" if left else "\nEvery test was run.")
    for line in left:
        print(f"  {line}")
    return running.returncode


if __name__ == "__main__":
    raise SystemExit(main())
