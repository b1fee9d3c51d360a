"""Every refusal of a study says where, what and what would be right, in one line."""

import pytest

from fitscape.study.errors import UserError
from fitscape.study.reading import validate
from fitscape.study.reading.document import parse


def refusal(text: str) -> str:
    with pytest.raises(UserError) as caught:
        validate(parse("name: a\n" + text, "s.yaml"))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # keys
        ("serch: {}", "s.yaml:2: serch: no such key (did you mean search?)"),
        ("lr: 0.1", "s.yaml:2: lr: no such key (did you mean base.optimization.lr?)"),
        ("base:\n  model:\n    famly: x", "s.yaml:4: base.model.famly: no such key (did you mean family?)"),
        ("search:\n  zzz: 1", "s.yaml:3: search.zzz: no such key (choose from sampler, trials, seeds, seed, until)"),
        ("space: {lrr: {low: 1, high: 2}}", "s.yaml:2: space.lrr: no such hyperparameter (did you mean lr?)"),
        ("space: {lr: {low: 1, hihg: 2}}", "s.yaml:2: space.lr.hihg: no such key (did you mean high?)"),
        ("space: {lr: {low: 1, high: 2, choices: [1]}}", "s.yaml:2: space.lr.low: does not go with choices"),
        ("enqueue: [{lr: 1}, {wdith: 1}]", "s.yaml:2: enqueue[1].wdith: no such hyperparameter (did you mean width?)"),
        # types
        ("search:\n  trials: '24'", "s.yaml:3: search.trials: '24' is not a whole number"),
        ("search: {trials: true}", "s.yaml:2: search.trials: true is not a whole number"),
        ("search: {trials: 2.5}", "s.yaml:2: search.trials: 2.5 is not a whole number"),
        ("search: {trials: [1]}", "s.yaml:2: search.trials: a list is not a whole number"),
        ("search: 3", "s.yaml:2: search: 3 is not a mapping (it takes the keys sampler, trials, seeds, seed, until)"),
        ("search:", "s.yaml:2: search: has no value (give it one, or leave the key out)"),
        ("base: {model: 3}", "s.yaml:2: base.model: 3 is not a mapping"),
        ("stopping: {enabled: true}", "s.yaml:2: stopping: early stopping was removed: it saved little and flipped"),
        ("stopping: {enabled: 1}", "s.yaml:2: stopping: early stopping was removed"),
        ("stopping: true", "s.yaml:2: stopping: early stopping was removed"),
        ("description: 3", "s.yaml:2: description: 3 is not text (put it in quotes)"),
        ("space: 5", "s.yaml:2: space: 5 is not a space (a mapping of hyperparameters, or the name of a search space)"),
        ("space: {lr: 5}", "s.yaml:2: space.lr: 5 is not a hyperparameter ({low:, high:} or {choices:})"),
        ("space: {lr: [1, 2]}", "s.yaml:2: space.lr: a list is not a hyperparameter (write {choices: [...]})"),
        ("space: {lr: {choices: [1, [2]]}}", "s.yaml:2: space.lr.choices[1]: a list is not a choice"),
        ("enqueue: {lr: 1}", "s.yaml:2: enqueue: a mapping is not a list (write [{lr: 0.1}, {lr: 0.2}])"),
        ("enqueue: [3]", "s.yaml:2: enqueue[0]: 3 is not a point (write {lr: 0.1})"),
        ("resources: {gpus_per_trial: two}", "s.yaml:2: resources.gpus_per_trial: 'two' is not a number of GPUs"),
        # bounds
        ("base:\n  optimization:\n    lr: -1", "s.yaml:4: base.optimization.lr: -1 is not above 0"),
        ("base: {optimization: {lr: .nan}}", "s.yaml:2: base.optimization.lr: NaN is not a finite number"),
        ("base: {optimization: {lr: .inf}}", "s.yaml:2: base.optimization.lr: Infinity is not a finite number"),
        ("base: {optimization: {epochs: 0}}", "s.yaml:2: base.optimization.epochs: 0 is not at least 1"),
        ("base: {optimization: {steps_per_epoch: 0}}", "s.yaml:2: base.optimization.steps_per_epoch: 0 is not at"),
        ("base: {model: {width: 5}}", "s.yaml:2: base.model.width: 5.0 is outside 0.0625 to 2"),
        ("base: {model: {norm: btch}}", "s.yaml:2: base.model.norm: 'btch' is not one of batch, group, none (did you"),
        ("base: {model: {family: resnt}}", "s.yaml:2: base.model.family: 'resnt' is not one of resnet, plain, den"),
        ("base: {model: {depth: 19}}", "s.yaml:2: base.model.depth: 19 is not a depth of resnet, choose 18"),
        ("resources: {gpus_per_trial: -1}", "s.yaml:2: resources.gpus_per_trial: -1 is not at least 0"),
        ("resources: {trial_timeout: .inf}", "s.yaml:2: resources.trial_timeout: Infinity is not a finite number"),
        ("search: {sampler: sobl}", "s.yaml:2: search.sampler: 'sobl' is not one of sobol, random, tpe, grid, reg"),
        # ranges
        ("space: {lr: {low: 3, high: 1}}", "s.yaml:2: space.lr: low 3 is above high 1"),
        ("space: {lr: {low: 0, high: 1, log: true}}", "s.yaml:2: space.lr: low 0 must be above 0 where log is true"),
        ("space: {lr: {low: .inf, high: 1}}", "s.yaml:2: space.lr.low: Infinity is not a finite number"),
        ("space: {lr: {low: 1, high: 2, step: .inf}}", "s.yaml:2: space.lr.step: Infinity is not a finite number"),
        ("space:\n  lr:\n    low: -1\n    high: 1", "s.yaml:4: space.lr.low: -1 is not above 0"),
        ("space: {lr: {low: 1, high: 1000}}", "s.yaml:2: space.lr.high: 1000 is not at most 100"),
        ("space: {width: {low: 0.5, high: 5}}", "s.yaml:2: space.width.high: 5.0 is outside 0.0625 to 2"),
        ("space: {epochs: {low: 0, high: 2}}", "s.yaml:2: space.epochs.low: 0 is not at least 1"),
        ("space: {epochs: {low: 1, high: 2.5}}", "s.yaml:2: space.epochs.high: 2.5 is not a whole number"),
        ("space: {train_fraction: {low: 0.1, high: 2}}", "s.yaml:2: space.train_fraction.high: 2 is not at most 1"),
        ("space: {depth: {low: 18, high: 34}}", "s.yaml:2: space.depth: 19 is not a depth of resnet"),
        ("space: {norm: {low: 1, high: 2}}", "s.yaml:2: space.norm: takes words, not a range (write {choices: [...]})"),
        ("space: {lr: {choices: []}}", "s.yaml:2: space.lr.choices: needs at least one value"),
        ("space: {lr: {choices: [0.1, -1]}}", "s.yaml:2: space.lr.choices[1]: -1 is not above 0"),
        ("space: {lr: {choices: [0.1, 0.1]}}", "s.yaml:2: space.lr.choices[1]: 0.1 is there twice"),
        ("space: {lr: {choices: [true]}}", "s.yaml:2: space.lr.choices[0]: true is not a number"),
        ("space: {lr: {choices: [fast]}}", "s.yaml:2: space.lr.choices[0]: 'fast' is not a number"),
        (
            "base: {model: {growth_rate: 12}}",
            "s.yaml:2: base.model.growth_rate: is not a hyperparameter of resnet (densenet has one)",
        ),
        (
            "base: {model: {family: plain, growth_rate: 12}}\nspace: {architecture: {choices: [resnet18, plain18]}}",
            "s.yaml:2: base.model.growth_rate: is not a hyperparameter of plain",
        ),
        (
            "space: {growth_rate: {low: 8, high: 32}}",
            "s.yaml:2: space.growth_rate: is not a hyperparameter of resnet (sea",
        ),
        (
            "space: {architecture: {choices: [densenet121, plain18]}, growth_rate: {choices: [12, 24]}}",
            "s.yaml:2: space.growth_rate: is not a hyperparameter of plain (search it in a study of densenet alone)",
        ),
        (
            "enqueue: [{growth_rate: 12}]",
            "s.yaml:2: enqueue[0].growth_rate: is not a hyperparameter of resnet (leave it",
        ),
        ("space: {family: {choices: [1]}}", "s.yaml:2: space.family.choices[0]: 1 is not a word"),
        ("space: {architecture: {choices: [densnet121]}}", "s.yaml:2: space.architecture.choices[0]: 'densnet121' is"),
        ("space: {depth: {choices: [18, 121]}}", "s.yaml:2: space.depth.choices[1]: 121 is not a depth of resnet"),
        ("space: {family: {choices: [densenet]}}", "s.yaml:2: space.family.choices[0]: depth: 18 is not a depth of"),
        ("space: {architecture: {choices: [resnet18]}, depth: {choices: [18]}}", "s.yaml:2: space.architecture: sets"),
        ("space: qick", "s.yaml:2: space: no search space is called 'qick' (did you mean quick?)"),
        # points
        ("enqueue: [{lr: -1}]", "s.yaml:2: enqueue[0].lr: -1 is not above 0"),
        ("enqueue: [{lr: '0.1'}]", "s.yaml:2: enqueue[0].lr: '0.1' is not a number"),
        ("enqueue: [{epochs: 2.5}]", "s.yaml:2: enqueue[0].epochs: 2.5 is not a whole number"),
        ("enqueue: [{architecture: 7}]", "s.yaml:2: enqueue[0].architecture: 7 is not a word"),
        ("enqueue: [{width: 1}, {width: 9}]", "s.yaml:2: enqueue[1].width: 9.0 is outside 0.0625 to 2"),
        ("enqueue: [{family: densenet}]", "s.yaml:2: enqueue[0]: depth: 18 is not a depth of densenet, choose 121"),
    ],
)
def test_a_bad_value_is_refused_with_line_key_and_hint(text: str, message: str) -> None:
    assert refusal(text).startswith(message)


def test_several_problems_are_counted() -> None:
    assert refusal("base: {optimization: {lr: -1, epochs: 0, momentum: 2}}").endswith("(2 more problems)")


@pytest.mark.parametrize("text", ["- 1", "5", "word"])
def test_a_document_that_is_no_mapping_is_no_study(text: str) -> None:
    with pytest.raises(UserError, match=r"^s\.yaml:1: .* is not a study \(a study has the keys name, "):
        validate(parse(text, "s.yaml"))


def test_a_study_needs_a_name() -> None:
    with pytest.raises(UserError, match=r"^s\.yaml:1: name: is missing \(write `name: my-study`, or use --name\)"):
        validate(parse("description: x", "s.yaml"))


def test_hyperparameters_that_depend_on_each_other_are_right_if_some_combination_is() -> None:
    space = "{family: {choices: [resnet, densenet]}, depth: {choices: [18, 121]}}"
    config = validate(parse(f"name: a\nspace: {space}", "s.yaml"))
    assert list(config.space) == ["family", "depth"]


@pytest.mark.parametrize(
    "text",
    [
        "base: {model: {family: densenet, depth: 121, growth_rate: 12}}",
        "base: {model: {growth_rate: 12}}\nspace: {architecture: {choices: [resnet18, densenet121]}}",
        "base: {model: {growth_rate: 12}}\nspace: quick",
        "base: {model: {growth_rate: 12}}\nenqueue: [{architecture: densenet121}]",
        "space: {architecture: {choices: [densenet121]}, growth_rate: {low: 8, high: 32}}",
        "enqueue: [{architecture: densenet121, growth_rate: 12}, {growth_rate: 32}]",
    ],
)
def test_a_growth_rate_is_taken_where_a_densenet_takes_it(text: str) -> None:
    validate(parse("name: a\n" + text, "s.yaml"))
