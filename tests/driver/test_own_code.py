"""A run takes the user's code up, and a resume with other code is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from own_code import BLOCKS, DATA, write

from fitscape.models.spec import ModelSpec
from fitscape.study.config import DataConfig, StudyConfig, TrialConfig
from fitscape.study.driver.own_code import look, take_up
from fitscape.study.driver.provenance import code
from fitscape.study.driver.resume_checks import require_unchanged
from fitscape.study.errors import StudyChanged
from fitscape.study.plugins import install


@pytest.fixture(autouse=True)
def _nothing_installed() -> Iterator[None]:
    yield
    install(None)


def config(folder: Path) -> StudyConfig:
    return StudyConfig(name="own", plugins=(str(folder / "my_data.py"),), data=DataConfig(dataset="my_data.py:load"))


def test_a_resume_with_other_code_is_refused_and_names_the_file(tmp_path: Path) -> None:
    study = config(write(tmp_path, my_data="import blocks\n" + DATA, blocks=BLOCKS))
    take_up(study)
    before = {"code": code()}
    write(tmp_path, blocks=BLOCKS + "\n# changed")
    take_up(study)
    with pytest.raises(StudyChanged, match=r"code: own_code was blocks\.py \w{12}, my_data\.py"):
        require_unchanged((study, before), (study, {"code": code()}), allow=frozenset(), where="own")
    require_unchanged((study, before), (study, {"code": code()}), allow=frozenset({"code"}), where="own")


def test_the_place_of_the_files_may_change(tmp_path: Path) -> None:
    here, there = (config(write(tmp_path / name, my_data=DATA)) for name in ("here", "there"))
    provenances = []
    for study in (here, there):
        take_up(study)
        provenances.append({"code": code()})
    require_unchanged((here, provenances[0]), (there, provenances[1]), allow=frozenset(), where="own")


def test_a_study_without_own_code_has_the_provenance_it_had(tmp_path: Path) -> None:
    take_up(config(write(tmp_path, my_data=DATA)))
    take_up(StudyConfig(name="ours"))
    assert "own_code" not in code()


def test_the_doctor_says_what_is_wrong_with_the_code(tmp_path: Path) -> None:
    [finding] = look(config(write(tmp_path, my_data="1 / 0")))
    assert not finding.ok
    assert finding.what == "my_data.py:load: cannot be imported: ZeroDivisionError: division by zero (line 1)"
    study = StudyConfig(name="own", base=TrialConfig(model=ModelSpec(family="my_nets.py:Net")))
    assert look(study)[0].fix == "add plugins: [my_nets.py], or --plugin my_nets.py"
