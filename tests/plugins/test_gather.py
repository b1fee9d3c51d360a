"""What belongs to a user's code, and what its hash depends on."""

import pickle
import sys
from pathlib import Path
from typing import Any

import own_code
import pytest
from own_code import BLOCKS, NETS, write

from fitscape.models.reference import CodeReference
from fitscape.study.errors import UserError
from fitscape.study.plugins import Code, code_of


def study(*plugins: Path, family: str = "my_nets.py:SmallNet", **more: Any) -> dict[str, Any]:
    return {"plugins": [str(p) for p in plugins], "base": {"model": {"family": family}}, **more}


def code(folder: Path) -> Code:
    found = code_of(study(folder / "my_nets.py"))
    assert found is not None
    return found


def test_a_study_without_own_code_has_none() -> None:
    assert code_of({"base": {"model": {"family": "timm:resnet10t"}}, "data": {"dataset": "folder:pets"}}) is None


def test_what_a_file_imports_from_its_folder_belongs_to_it(tmp_path: Path) -> None:
    write(tmp_path, my_nets=NETS, blocks="def block(*_):\n    from deep.inside import late\n", unrelated="x = 1")
    write(tmp_path / "deep", inside="from . import beside", beside="")
    names = [module.name for module in code(tmp_path).modules]
    assert sorted(names) == ["blocks", "deep", "deep.beside", "deep.inside", "my_nets"]


@pytest.mark.parametrize(("changed", "same"), [("blocks", False), ("unrelated", True)])
def test_a_change_in_what_is_imported_changes_the_digest(tmp_path: Path, changed: str, same: bool) -> None:
    write(tmp_path, my_nets=NETS, blocks=BLOCKS, unrelated="")
    before = code(tmp_path).digest
    write(tmp_path, **{changed: BLOCKS + "\n# another"})
    assert (code(tmp_path).digest == before) == same
    assert "my_nets.py " in before
    assert "blocks.py " in before


def test_the_digest_does_not_depend_on_the_folder(tmp_path: Path) -> None:
    here, there = (code(write(tmp_path / name, my_nets=NETS, blocks=BLOCKS)) for name in ("here", "there"))
    assert here.digest == there.digest


def test_installed_code_is_imported_from_memory(tmp_path: Path) -> None:
    found = code(write(tmp_path, my_nets=NETS, blocks=BLOCKS))
    for file in tmp_path.glob("*.py"):
        file.unlink()
    pickle.loads(pickle.dumps(found)).install()
    assert CodeReference.parse("my_nets.py:SmallNet").load()(1, 10, width=3).head.in_features == 3
    assert str(tmp_path) not in sys.path


def test_other_code_of_the_same_name_takes_the_place(tmp_path: Path) -> None:
    for number in (1, 2):
        code(write(tmp_path, my_nets=f"SmallNet = {number}")).install()
        assert CodeReference.parse("my_nets.py:SmallNet").load() == number


@pytest.mark.parametrize(
    ("files", "family", "said"),
    [
        ({}, "my_nets.py:SmallNet", "my_nets.py is not a file"),
        ({"other": ""}, "my_nets.py:SmallNet", "is in a file that the study does not name (add plugins: [my_nets.py]"),
        ({"my_nets": "def ("}, "my_nets.py:SmallNet", "my_nets.py:1: is not valid Python: "),
        ({"my_nets": "import random", "random": ""}, "my_nets.py:SmallNet", "Python has a module random of its own"),
        ({"my_nets": "import torch", "torch": ""}, "my_nets.py:SmallNet", "an installed package is called torch too"),
        ({"my_nets": ""}, "no_such_package.nets:Net", "there is no package no_such_package"),
    ],
)
def test_code_that_cannot_be_had_is_refused(tmp_path: Path, files: dict[str, str], family: str, said: str) -> None:
    write(tmp_path, **files)
    plugin = tmp_path / ("other.py" if "other" in files else "my_nets.py")
    with pytest.raises(UserError) as refused:
        code_of(study(plugin, family=family))
    assert said in str(refused.value)


def test_two_plugins_of_one_name_are_refused(tmp_path: Path) -> None:
    files = [write(tmp_path / name, my_nets=NETS, blocks=BLOCKS) / "my_nets.py" for name in ("a", "b")]
    with pytest.raises(UserError, match=r"two plugins are called my_nets\.py"):
        code_of(study(*files))


def test_code_of_an_installed_package_is_hashed_without_its_neighbours() -> None:
    found = code_of({"data": {"dataset": "own_code.inside:load"}} | study(family="own_code:SmallNet"))
    assert found is not None
    assert found.modules == ()
    assert found.packages == ("own_code", "own_code.inside")
    assert found.digest.startswith("own_code ")
    assert own_code.__file__
