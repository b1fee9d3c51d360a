"""What is looked at before a study starts, and that looking is quick."""

import os
import subprocess
import sys
from pathlib import Path

HEAVY = "torch", "mlflow", "ray", "pandas"  # each takes up to seconds to import


def test_the_first_look_imports_nothing_heavy() -> None:
    code = f"import sys; import study.driver.preflight, study.cli.run; print(sorted({set(HEAVY)} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
