"""``--set``: which value is replaced, and how a bad one is refused."""

from pathlib import Path

import pytest

from fitscape.models.spec import ModelSpec
from fitscape.study.config import Choices, Range, StudyConfig, TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.reading import Override, load_config, override, parse_set
from fitscape.study.reading.document import dump

STUDY = StudyConfig(name="a", space="quick")


def changed(*sets: str, study: StudyConfig = STUDY) -> StudyConfig:
    return override(study, [parse_set(text) for text in sets], "recipe a")


def test_values_are_yaml_and_later_ones_win() -> None:
    config = changed(
        "base.optimization.lr=1e-3", "search.trials=3", "search.trials=5", "description=no", "data.limit=null"
    )
    assert config.base.optimization.lr == 0.001
    assert (config.search.trials, config.description, config.data.limit) == (5, "no", None)


def test_a_value_may_hold_an_equals_sign() -> None:
    assert changed("tracking.uri=sqlite:///x?a=b").tracking.uri == "sqlite:///x?a=b"


def test_a_hyperparameter_can_be_added_and_one_of_a_named_space_changed() -> None:
    config = changed("space.width.low=0.25", "space.lr={choices: [0.1, 0.2]}")
    assert isinstance(config.space, dict)
    assert config.space["width"] == Range(low=0.25, high=0.5, log=True)
    assert config.space["lr"] == Choices(choices=(0.1, 0.2))
    assert "architecture" in config.space


def test_one_enqueued_point_can_be_changed() -> None:
    study = StudyConfig(name="a", enqueue=({"lr": 0.1}, {"lr": 0.2}))
    assert changed("enqueue.1.lr=0.5", study=study).enqueue == ({"lr": 0.1}, {"lr": 0.5})


def test_another_family_takes_its_own_shortcut() -> None:
    study = StudyConfig(name="a", base=TrialConfig(model=ModelSpec(family="resnet", depth=20)))
    assert changed("base.model.family=plain", study=study).base.model.shortcut == "none"


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_a_shortcut_that_is_set_counts_whatever_the_order(order: slice, tmp_path: Path) -> None:
    sets = [
        "base.model.shortcut=projection",
        "base.model.depth=20",
        "space.architecture={choices: [resnet56, plain20]}",
    ]
    study = changed(*sets[order])
    assert study.base.model.shortcut == "projection"
    trials = [study.base.with_hyperparameters({"architecture": name}) for name in ("resnet56", "plain20")]
    assert [trial.model.shortcut for trial in trials] == ["projection", "none"]
    frozen = tmp_path / "study.yaml"  # and what is written down means the same
    frozen.write_text(dump(study.model_dump(mode="json")))
    again = load_config(frozen, frozen=True)
    assert again == study
    assert again.base.with_hyperparameters({"architecture": "resnet18"}).model.shortcut == "projection"
    with pytest.raises(UserError, match="shortcut: 'projection' does not go with family 'plain'"):
        load_config(frozen, [parse_set("base.model.family=plain")])


def test_an_unset_shortcut_is_written_down_as_unset(tmp_path: Path) -> None:
    frozen = tmp_path / "study.yaml"
    frozen.write_text(dump(STUDY.model_dump(mode="json")))
    assert "shortcut: null" in frozen.read_text()
    trial = load_config(frozen).base.with_hyperparameters({"architecture": "resnet56"})
    assert trial.model.shortcut == "identity"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr=0.1", "--set lr: no such key (did you mean base.optimization.lr?)"),
        ("serch.trials=3", "--set serch.trials: no such key (did you mean search?)"),
        ("search.trails=3", "--set search.trails: no such key (did you mean trials?)"),
        ("base.modle.width=1", "--set base.modle.width: no such key (did you mean model?)"),
        ("space.lrr.low=1", "--set space.lrr.low: no such hyperparameter (did you mean lr?)"),
        ("search.trials=many", "--set search.trials: 'many' is not a whole number"),
        ("base.optimization.lr=-1", "--set base.optimization.lr: -1 is not above 0"),
        ("search.trials.x=1", "--set search.trials.x: search.trials holds no x"),
        ("enqueue.3.lr=1", "--set enqueue.3.lr: enqueue holds no 3"),
        ("search.trials", "--set: 'search.trials' is not KEY=VALUE"),
        ("=3", "--set: '=3' is not KEY=VALUE"),
        ("search..trials=3", "--set: 'search..trials=3' is not KEY=VALUE"),
        ("search.trials=[1", "--set search.trials:1: not YAML"),
        ("space=qick", "--set space: no search space is called 'qick' (did you mean quick?)"),
    ],
)
def test_a_bad_option_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        changed(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_an_option_of_the_command_is_named_as_it_was_written() -> None:
    with pytest.raises(UserError, match=r"^--trials: 0 is not at least 1"):
        override(STUDY, [Override(("search", "trials"), 0, "--trials")], "recipe a")


def test_a_file_keeps_its_lines_beside_an_option(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("name: a\nsearch:\n  trials: 0\n")
    with pytest.raises(UserError, match=r"s\.yaml:3: search\.trials: 0"):
        load_config(file, [parse_set("search.seed=1")])
    assert load_config(file, [parse_set("search.trials=2")]).search.trials == 2


@pytest.mark.parametrize(
    ("text", "dataset"),
    [
        ("folder:/data/My Photos #1", "folder:/data/My Photos #1"),
        ("folder:a: b", "folder:a: b"),
        ("folder:[draft]", "folder:[draft]"),
        ("folder:50% & more!", "folder:50% & more!"),
        ("folder:*.d", "folder:*.d"),
        ("'folder:quoted'", "folder:quoted"),
        ('"folder:tab\\there"', "folder:tab\there"),
    ],
)
def test_text_is_taken_as_it_stands(text: str, dataset: str) -> None:
    assert changed(f"data.dataset={text}").data.dataset == dataset


@pytest.mark.parametrize("text", ["1e3", "yes", "null and void", "@home", "`x`", "2026-11-26", "- a"])
def test_text_that_looks_like_another_type_stays_text(text: str) -> None:
    assert changed(f"description={text}").description == text


def test_text_that_may_be_unset_can_be_unset() -> None:
    assert changed("data.root=/x", "data.root=null").data.root is None
    assert changed("data.root=~/data").data.root == "~/data"


def test_numbers_words_and_collections_stay_yaml() -> None:
    config = changed("base.optimization.optimizer=adamw", "space={lr: {low: 1e-3, high: 1}}", "search.seeds=2 # two")
    assert (config.base.optimization.optimizer, config.search.seeds) == ("adamw", 2)
