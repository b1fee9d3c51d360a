"""``make test`` runs every default test once: two files at a time, or alone where it starts Ray or a server."""

import re
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import pytest
import starting
from pages import REPOSITORY

from tools import test_all


def test_make_test_runs_what_pytest_runs_in_two_parts() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    options = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    chosen = re.search(r"-m '([^']+)'", options["addopts"])
    default = re.search(r"^DEFAULT = (.+)$", makefile, re.MULTILINE)
    assert chosen is not None
    assert default is not None
    assert default[1] == chosen[1]
    (recipe,) = re.findall(r"^test: .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert re.findall(r"pytest (.*)-m '([^']+)'", recipe) == [
        ("-n 2 --dist loadfile ", "$(DEFAULT) and not alone"),
        ("", "$(DEFAULT) and alone"),
    ]


def test_ci_runs_tests_that_are_too_long_for_the_default_ones() -> None:
    assert "make test-ci\n" in (REPOSITORY / ".ci/test").read_text()
    assert test_all.count("ci", "tests/driver/test_interrupted.py") == 1
    assert test_all.count("ci and not slow", "tests/driver/test_interrupted.py") == 0


def test_make_test_all_counts_what_it_leaves_out() -> None:
    assert test_all.count("compose", "tests/cluster/test_compose_file.py") == 1
    assert test_all.count("gpu", "tests/cluster/test_compose_file.py") == 0


@pytest.mark.parametrize("alone", [False, True])
def test_a_test_that_starts_something_beside_others_fails(alone: bool) -> None:
    item = SimpleNamespace(get_closest_marker=lambda name: name if alone else None)
    subprocess.run([sys.executable, "-c", "", "-m", "mlflow", "server"], check=True)
    assert starting.seen == ["-m mlflow server"]
    if alone:
        starting.require_alone(item)  # type: ignore[arg-type]
    else:
        with pytest.raises(pytest.fail.Exception, match="it starts -m mlflow server: mark it `alone`"):
            starting.require_alone(item)  # type: ignore[arg-type]
    assert starting.seen == []
