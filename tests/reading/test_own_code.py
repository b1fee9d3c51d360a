"""A study that names code of the user's: its keywords become hyperparameters, its faults one line each."""

from pathlib import Path

import pytest
from own_code import BLOCKS, STUDY, write

from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.plugins import examine
from fitscape.study.reading import load_config, parse_set
from fitscape.study.reading.document import dump
from fitscape.study.search.space import resolve

# As the nets of ``own_code``, without torch, whose import takes seconds.
NETS = """
def SmallNet(channels, classes, *, width: int = 4, slope: float = 0.1, pool: str = "mean", bias: bool = True):
    import blocks
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, my_nets=NETS, blocks=BLOCKS)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def read(project: Path, *sets: str, **files: str) -> StudyConfig:
    write(project, **files)
    return load_config(project / "study.yaml", [parse_set(text) for text in sets])


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> StudyConfig:
    folder = write(tmp_path_factory.mktemp("project"), my_nets=NETS, blocks=BLOCKS)
    (folder / "study.yaml").write_text(STUDY)
    return load_config(folder / "study.yaml", [parse_set("space.slope.low=0.0"), parse_set("space.slope.high=1")])


def test_keywords_with_their_defaults_are_in_the_base(config: StudyConfig) -> None:
    assert config.base.model.keywords == {"width": 4, "slope": 0.1, "pool": "mean", "bias": True}


def test_a_keyword_is_searched_in_its_own_type(config: StudyConfig) -> None:
    space = resolve(config)
    assert type(space["width"]).__name__ == "IntDistribution"
    assert type(space["slope"]).__name__ == "FloatDistribution"
    trial = config.base.with_hyperparameters({"width": 7.0, "slope": 1, "lr": 0.1})
    assert trial.model.keywords | {} == {"width": 7, "slope": 1.0, "pool": "mean", "bias": True}
    assert trial.flat()["width"] == 7


def test_plugins_are_found_beside_the_file_that_names_them(config: StudyConfig) -> None:
    assert Path(config.plugins[0]).is_absolute()


def test_a_frozen_study_is_read_without_its_code(config: StudyConfig, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        dump(config.model_copy(update={"plugins": ("gone.py",)}).model_dump(mode="json"))
    )
    assert load_config(tmp_path / "study.yaml", frozen=True).base == config.base


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["space.width.low=2.5"], "2.5 is not a whole number"),
        (["space.pool.low=1", "space.pool.high=2"], "takes words, not a range"),
        (["space.bias.choices=[1, 0]"], "1 is not true or false"),
        (["space.blocks.low=1", "space.blocks.high=2"], "no such hyperparameter"),
        (["space.depth.low=18", "space.depth.high=34"], "does not go with my_nets.py:SmallNet"),
        (["base.model.keywords.blocks=2"], "has no keyword blocks (choose from width, slope, pool, bias)"),
        (["base.model.keywords.widht=2"], "has no keyword widht (did you mean width?)"),
        (["base.model.keywords.width=wide"], "'wide' is not a whole number"),
        (["space.architecture.choices=[my_nets.py:SmallNet, resnet18]"], "is not a hyperparameter of resnet18"),
        (["base.model.family=my_nets.py:Missing"], "my_nets.py:Missing: my_nets.py has no Missing"),
        (["base.model.family=resnet", "space.architecture.choices=[my_nets.py:SmallNet]"], "make it base.model.family"),
        (["base.model.family=nets/my_nets.py:SmallNet"], "name the file alone, and its folder in plugins"),
        (["plugins=[]"], "--plugin my_nets.py"),
        (["base.optimization.loss=my_nets.py:SmallNet", "base.optimization.epochs=0"], "0 is not at least 1"),
    ],
)
def test_what_does_not_fit_the_code_is_refused_in_one_line(project: Path, sets: list[str], said: str) -> None:
    with pytest.raises(UserError) as refused:
        read(project, *sets)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


BROKEN = {
    "raises": ("x = 1\nraise ValueError('boom\\nand more')", "cannot be imported: ValueError: boom (line 2)"),
    "leaves": ("import sys\nsys.exit(3)", "cannot be imported: SystemExit: 3 (line 2)"),
    "crashes": ("import os\nos.kill(os.getpid(), 11)", "importing it crashes (SIGSEGV)"),
    "lacks": (
        "import no_such_thing",
        "cannot be imported: ModuleNotFoundError: No module named 'no_such_thing' (line 1)",
    ),
    "is no function": ("SmallNet = 3", "is a int, which cannot be called"),
    "takes too little": ("def SmallNet(channels): ...", "takes (channels), and a network is called with"),
    "needs a keyword": ("def SmallNet(channels, classes, *, blocks): ...", "needs a value for blocks"),
    "hangs": ("import time\ntime.sleep(600)", "importing it takes more than 2 s (put what runs into functions)"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_code_that_is_broken_is_refused_in_one_line(project: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    if fault == "hangs":
        monkeypatch.setattr(examine, "IMPORT_WITHIN", 2.0)
    text, said = BROKEN[fault]
    with pytest.raises(UserError) as refused:
        read(project, my_nets=text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_plugin_that_prints_much_is_told_of_in_one_line(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read(project, my_nets="for i in range(200_000): print(i)\n" + NETS)
    from fitscape.study.driver.own_code import take_up, tell

    told: list[str] = []
    tell(take_up(load_config(project / "study.yaml")), told.append)
    assert told[1] == "it printed 200,000 lines as it was imported; they are not shown"
    assert told[0].startswith("your own code runs in this study: blocks.py ")
    assert capfd.readouterr().out == ""


def test_announced_code_goes_by_its_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fitscape.study.reading import own_code

    monkeypatch.setattr(own_code, "announced", lambda role: {"small": "own_code_pkg:Net"} if role == "network" else {})
    with pytest.raises(UserError, match="there is no package own_code_pkg"):
        read(project, "base.model.family=small")
