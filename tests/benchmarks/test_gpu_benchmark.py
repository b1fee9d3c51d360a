"""The benchmark of a card runs where little is installed: the machine that has one is seldom one's own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu.session import Session, Step

ROOT = Path(__file__).parents[2]
# What `python -m benchmarks.gpu` may import beside this repository and what those packages bring themselves.
BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ImportError(f"{name} is not there")
BLOCKED = {"ray", "mlflow", "optuna", "playwright", "matplotlib", "plotly", "pyarrow", "jinja2", "rich", "statsmodels",
           "timm", "yaml", "contourpy", "boto3", "duckdb", "psycopg", "requests"}
sys.meta_path.insert(0, Blocker())
import runpy
sys.argv = ["benchmarks.gpu", "--device", "cpu", "--minutes", "5", "--out", sys.argv[1], "--only", "ceilings", "ladder"]
runpy.run_module("benchmarks.gpu", run_name="__main__")
"""


def test_it_runs_without_ray_mlflow_and_optuna(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(out)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    steps = json.loads(out.read_text())["steps"]
    assert {name: step["status"] for name, step in steps.items()} == {"ceilings": "done", "ladder": "done"}
    assert "products of 256^2" in out.with_suffix(".txt").read_text()


def test_a_step_that_fails_is_written_down_and_the_run_goes_on(tmp_path: Path) -> None:
    def fail(left: float) -> None:
        raise RuntimeError("no kernel image")

    session = Session(tmp_path / "r.json", 60)
    for step in (Step("bad", 1, fail), Step("long", 600, lambda left: 1), Step("good", 1, lambda left: 2)):
        session.run(step)
    steps = json.loads((tmp_path / "r.json").read_text())["steps"]
    assert [steps[name]["status"] for name in ("bad", "long", "good")] == ["failed", "no time", "done"]
    assert steps["bad"]["error"] == "RuntimeError: no kernel image"


def test_what_an_earlier_run_has_done_is_not_repeated(tmp_path: Path) -> None:
    before = {"steps": {"good": {"status": "done", "result": 1}, "bad": {"status": "failed"}}}
    session = Session(tmp_path / "r.json", 60, before)
    session.run(Step("good", 1, lambda left: pytest.fail("repeated")))
    session.run(Step("bad", 1, lambda left: 3))
    assert session.results["steps"]["bad"]["result"] == 3
