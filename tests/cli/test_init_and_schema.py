"""``init`` and ``schema``: what a person starts from is right."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import Command

from fitscape.study import recipes
from fitscape.study.cli.configure import changes_of, configure, from_recipe
from fitscape.study.config import StudyConfig
from fitscape.study.reading import load_config
from fitscape.study.reading.schema import SHIPPED, json_schema
from fitscape.study.search.space import resolve

BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}


def test_init_writes_a_study_that_runs(fitscape: Command, tmp_path: Path) -> None:
    assert fitscape("init").out == "study.yaml written; run it with: fitscape run study.yaml\n"
    config = configure("study.yaml", [])
    assert config.name == "my-study"
    assert set(config.space) == {"architecture", "width", "train_fraction", "weight_decay"}
    optimization = config.base.optimization
    assert optimization.steps_per_epoch is not None  # else 2 % of digits would be one step per epoch
    assert optimization.steps_per_epoch * optimization.epochs >= 100
    assert config.base.evaluation.batch_norm == "reestimated"


def paths(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """The keys of nested sections; a space's and an enqueued point's own keys are not a config's."""
    if not isinstance(value, dict) or path == ("space",):
        return {path}
    return {found for key, inner in value.items() for found in paths(inner, (*path, key))}


def test_the_template_has_every_key_with_its_docstring_and_its_default(fitscape: Command, tmp_path: Path) -> None:
    fitscape("init", "s.yaml")
    text = (tmp_path / "s.yaml").read_text()
    written, default = yaml.safe_load(text), StudyConfig(name="my-study").model_dump(mode="json")
    assert paths(written) == paths(default)
    words = " ".join(text.replace("#", " ").split())
    for section in json_schema()["$defs"].values():
        if section["title"] not in ("Range", "Choices", "Until"):
            for facts in section["properties"].values():
                assert " ".join(facts["description"].split()) in words
    config = configure("s.yaml", [])
    for name in ("data", "search", "regimes", "resources", "tracking"):
        assert getattr(config, name).model_dump(mode="json") == default[name]


def test_a_key_that_the_template_gives_a_default_may_be_left_out(fitscape: Command, tmp_path: Path) -> None:
    fitscape("init", "s.yaml")
    text = (tmp_path / "s.yaml").read_text()
    changed = text.replace("family: resnet", "family: densenet").replace("depth: 18", "depth: 121")
    (tmp_path / "d.yaml").write_text(changed)
    assert configure("d.yaml", []).base.model.name == "densenet121"


@pytest.mark.parametrize("recipe", recipes.names())
def test_init_writes_a_recipe_that_runs_as_the_recipe_does(fitscape: Command, recipe: str) -> None:
    assert fitscape("init", "--recipe", recipe).code == 0
    written, meant = configure("study.yaml", []), recipes.get(recipe)
    assert resolve(written) == resolve(meant)
    assert written.model_copy(update={"space": meant.space}) == meant


def test_init_refuses_what_is_no_recipe(fitscape: Command, tmp_path: Path) -> None:
    assert fitscape("init", "--recipe", "degradatio").refusal.startswith("no recipe 'degradatio' (choose quickstart")
    assert fitscape("init", "--recipe", "regimes", "--scale", "days").refusal.startswith("--scale: no scale 'days'")
    assert fitscape("init", "--scale", "hours").refusal == "--scale: is for recipes (name one with --recipe)"
    assert not list(tmp_path.iterdir())


def test_init_never_overwrites(fitscape: Command, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("mine")
    assert fitscape("init").refusal == "study.yaml: is there already (name another file)"
    assert (tmp_path / "study.yaml").read_text() == "mine"
    assert fitscape("init", "none/s.yaml").refusal.startswith("none/s.yaml: cannot be written")


def test_the_shipped_schema_is_that_of_the_code(fitscape: Command) -> None:
    printed = fitscape("schema").out
    assert json.loads(printed) == json_schema()
    assert SHIPPED.read_text() == printed, f"fitscape schema > {SHIPPED.name}"


def test_every_key_of_the_schema_says_what_it_is() -> None:
    schema = json_schema()
    for section in (schema, *schema["$defs"].values()):
        for key, value in section["properties"].items():
            assert len(value.get("description", "")) > 8, f"{section['title']}.{key}"
            bounds = {k: v for part in (value, *value.get("anyOf", ())) for k, v in part.items() if k in BOUNDS}
            for bound in bounds.values():  # told in words as well, for who reads and does not validate
                assert re.search(rf"\b{bound:.12g}\b", value["description"]), f"{section['title']}.{key}"


def test_the_schema_knows_every_hyperparameter_and_family() -> None:
    text = json.dumps(json_schema())
    for word in ("densenet", "train_fraction", "architecture", "projection"):
        assert f'"{word}"' in text
    assert json_schema()["properties"]["name"]["pattern"]
    assert re.fullmatch(json_schema()["properties"]["name"]["pattern"], "my-study")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_is_there(fitscape: Command, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_FITSCAPE_COMPLETE", f"source_{shell}")
    assert "_FITSCAPE_COMPLETE" in fitscape().out


def test_a_recipe_written_out_for_own_images_is_the_one_that_run_takes(fitscape: Command, tmp_path: Path) -> None:
    (tmp_path / "photos" / "a").mkdir(parents=True)
    data = f"data.dataset=folder:{tmp_path / 'photos'}"
    assert fitscape("init", "--recipe", "regimes", "--set", data).code == 0
    written, run = load_config(Path("study.yaml")), from_recipe("regimes", changes_of([data], {}), None)
    assert written.data == run.data
    assert written.base == run.base
    assert (written.data.image_size, written.data.limit) == (32, 1500)


def test_values_are_set_where_a_recipe_is_named(fitscape: Command) -> None:
    assert fitscape("init", "--set", "data.limit=5").refusal.startswith("--set: is for recipes")
