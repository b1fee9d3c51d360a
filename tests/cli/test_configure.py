"""From the words of ``run`` to a study."""

from pathlib import Path

import pytest

from fitscape.study import recipes
from fitscape.study.cli.configure import changes_of, configure
from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError


def configured(study: str, *sets: str, scale: str | None = None, **options: object) -> StudyConfig:
    named = {"--trials": ("search.trials", options.get("trials")), "--name": ("name", options.get("name"))}
    return configure(study, changes_of(list(sets), named), scale)


def test_a_recipe_by_name_with_options() -> None:
    config = configured("quickstart", "base.optimization.epochs=3", trials=7, name="mine")
    assert (config.name, config.recipe, config.search.trials) == ("mine", "quickstart", 7)
    assert config.base.optimization.epochs == 3


def test_a_recipe_is_told_its_data_set_and_scale() -> None:
    small = configured("regimes", "data.dataset=fashion_mnist")
    assert small == recipes.get("regimes", dataset="fashion_mnist")
    assert small.data.limit != configured("regimes").data.limit
    assert configured("regimes", "dataset=fashion_mnist") == small
    large = configured("regimes", "dataset=fashion_mnist", scale="hours")
    assert configured("regimes", "dataset=fashion_mnist", "scale=hours") == large
    assert large.data.image_size is None


def test_a_set_value_beats_what_the_recipe_chose_for_the_data_set() -> None:
    config = configured("regimes", "data.dataset=fashion_mnist", "data.limit=100")
    assert (config.data.image_size, config.data.limit) == (14, 100)


def test_a_file_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.yaml").write_text("name: a\nsearch: {trials: 3}\n")
    monkeypatch.chdir(tmp_path)
    assert configured("s.yaml").search.trials == 3
    assert configured("./s.yaml", trials=5).search.trials == 5


@pytest.mark.parametrize(
    ("study", "sets", "message"),
    [
        ("folder:photos", [], r"^'folder:photos' is data, not a study .*regimes --set data.dataset=folder:photos"),
        ("/", [], r"^'/' is data, not a study .*regimes --set data.dataset=folder:/"),
        ("quikstart", [], r"^no recipe is called 'quikstart' \(did you mean quickstart\? or name a \.yaml file\)$"),
        ("nope", [], r"\(choose from .*quickstart.*, or name a \.yaml file\)$"),
        ("nope.yaml", [], r"^nope\.yaml: cannot be read: no such file"),
        ("s.yaml", [], r"^s\.yaml:3: data\.dataset: 'mnist' is not a data set"),
        ("quickstart", ["data.dataset=mnist"], r"^--set data\.dataset: 'mnist' is not a data set"),
        ("quickstart", ["data.dataset=5"], r"^--set data\.dataset: '5' is not a data set"),
        ("quickstart", ["resources.cpus_per_trial=4096"], r"4096 CPU, this machine has \d+ \(at most \d+\)$"),
        ("quickstart", ["data.dataset=folder:none"], "none is not a folder"),
        ("quickstart", ["scale=day"], "no scale 'day'"),
    ],
)
def test_what_cannot_be_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study: str, sets: list[str], message: str
) -> None:
    (tmp_path / "s.yaml").write_text("name: a\ndata:\n  dataset: mnist\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        configured(study, *sets)


def test_a_scale_is_for_recipes(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("name: a\n")
    with pytest.raises(UserError, match=r"^--scale: is for recipes"):
        configured(str(tmp_path / "s.yaml"), scale="hours")


def test_a_cluster_may_have_what_this_machine_lacks() -> None:
    changes = changes_of(["resources.cpus_per_trial=64"], {})
    assert configure("quickstart", changes, address="auto").resources.cpus_per_trial == 64
