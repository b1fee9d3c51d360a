"""``make test`` runs every default test once: those that start Ray or a server one by one, the others beside them."""

import re
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import pytest
import starting
from pages import REPOSITORY

from tools import test_all


class Item:
    """What the groups are made from."""

    def __init__(self, path: str, alone: bool) -> None:
        self.path, self.alone, self.group = path, alone, ""

    def get_closest_marker(self, name: str) -> bool | None:
        return True if self.alone else None

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        self.group = mark.args[0]


def test_make_test_runs_what_pytest_runs_in_groups() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    options = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    default = re.search(r"^DEFAULT = (.+)$", makefile, re.MULTILINE)
    assert default is not None
    assert f"-m '{default[1]}'" in options["addopts"]
    (recipe,) = re.findall(r"^test: .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert re.findall(r"-m pytest (.*)", recipe) == ["-n 2 --dist loadgroup --no-loadscope-reorder"]


def test_tests_that_start_something_are_one_group_and_begin_first() -> None:
    items = [Item("a", False), Item("a", True), Item("b", True), Item("b", False)]
    starting.share_out(items)  # type: ignore[arg-type]
    assert [(item.path, item.group) for item in items] == [("a", "alone"), ("b", "alone"), ("a", "a"), ("b", "b")]


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
