"""What keys mean: named, guessed, refused."""

import pytest

from fitscape.study.errors import UserError
from fitscape.study.importing.keys import Keys, chosen
from fitscape.study.importing.names import bare, kind, part
from fitscape.study.importing.runs import Run, Runs


def source(*rows: dict[str, object], params: dict[str, object] | None = None) -> Runs:
    runs = tuple(Run(str(i), {"lr": 10.0**-i, **(params or {})}, (row,)) for i, row in enumerate(rows))
    return Runs("somewhere", "MLflow experiment", runs)


@pytest.mark.parametrize(
    ("key", "of", "what"),
    [
        ("train_error", "train", "error"),
        ("training/accuracy", "train", "accuracy"),
        ("valAcc", "val", "accuracy"),
        ("mean_test_score", "val", "accuracy"),
        ("eval_accuracy", "val", "accuracy"),
        ("Validation Top-1 err", "val", "error"),
        ("val_loss", "val", "loss"),
        ("val_f1", "val", ""),
        ("train_accuracy_std", "train", ""),
        ("learning_rate", "", ""),
    ],
)
def test_a_metrics_name_says_of_which_images_and_of_what_kind_it_is(key: str, of: str, what: str) -> None:
    assert (part(key), kind(key)) == (of, what)


@pytest.mark.parametrize(
    ("key", "name"), [("config/lr", "lr"), ("param_C", "C"), ("params.depth", "depth"), ("lr", "lr")]
)
def test_a_parameter_loses_what_a_tool_puts_before_its_name(key: str, name: str) -> None:
    assert bare(key) == name


def test_an_error_is_guessed_before_an_accuracy_and_a_whole_before_its_parts() -> None:
    rows = {"val_loss": 1.0, "val_acc": 0.5, "val_error_a": 0.4, "val_error": 0.5, "train_acc": 0.6, "train_error": 0.4}
    keys = chosen(source(rows, rows), Keys())
    assert (keys.train, keys.val, keys.params) == ("train_error", "val_error", ("lr",))
    assert set(keys.guessed) == {"train", "val", "params"}
    folds = {"split0_test_score": 0.5, "mean_test_score": 0.6, "split0_train_score": 0.7, "mean_train_score": 0.8}
    keys = chosen(source(folds, folds), Keys())
    assert (keys.train, keys.val) == ("mean_train_score", "mean_test_score")


def test_what_is_named_is_not_guessed_over() -> None:
    rows = {"a": 0.1, "b": 0.2, "val_error": 0.5, "train_error": 0.4}
    keys = chosen(source(rows, rows), Keys(train="a", val="b", params=("lr",)))
    assert (keys.train, keys.val, keys.guessed) == ("a", "b", ())


@pytest.mark.parametrize(
    ("rows", "asked", "said"),
    [
        ({"train_loss": 1.0, "val_loss": 2.0}, Keys(), "holds losses alone"),
        ({"train_error": 0.1, "val_loss": 2.0}, Keys(val="val_loss"), "'val_loss' is a loss"),
        ({"train_error": 0.1, "speed": 2.0}, Keys(), "no validation error or accuracy"),
        ({"train_error": 0.1, "val_error": 0.2}, Keys(train="nonsense"), "no run holds a number under 'nonsense'"),
        ({"train_error": 0.1, "val_error": 0.2}, Keys(params=("width",)), "no run has 'width'"),
        ({"train_error": 0.1, "val_error": 0.2}, Keys(val_n="n"), "no run has 'n'"),
        ({"train_error": 0.1, "val_error": 0.2}, Keys(epoch="n"), "no run counts 'n'"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(rows: dict[str, object], asked: Keys, said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        chosen(source(rows, rows), asked)
    assert "\n" not in str(refused.value)


def test_seed_network_and_classes_are_found_among_the_parameters() -> None:
    row = {"train_error": 0.1, "val_error": 0.2}
    runs = [
        Run(str(i), {"random_state": i, "arch": "abc"[i % 3], "num_classes": "10", "lr": str(i)}, (row,))
        for i in range(6)
    ]
    keys = chosen(Runs("s", "MLflow experiment", tuple(runs)), Keys())
    assert (keys.seed, keys.net, keys.classes) == ("random_state", "arch", 10)
    assert set(keys.params or ()) == {"arch", "lr"}


def test_what_log_clean_errors_logs_is_taken_first_with_its_own_numbers_of_images() -> None:
    numbers = dict.fromkeys(("clean_train_error", "clean_val_error", "clean_gap", "gap_artefact", "logged_gap"), 0.1)
    rows = {"train_error": 0.2, "val_error": 0.2, "train_n": 9, "val_n": 9, "clean_train_n": 5, "clean_val_n": 6}
    keys = chosen(source({**rows, **numbers}, {**rows, **numbers}), Keys())
    assert (keys.train, keys.val, keys.train_n, keys.val_n) == (
        *("clean_train_error", "clean_val_error", "clean_train_n", "clean_val_n"),
    )
    named = chosen(source({**rows, **numbers}), Keys(train="train_error", val="val_error"))
    assert (named.train_n, named.val_n) == ("train_n", "val_n")
