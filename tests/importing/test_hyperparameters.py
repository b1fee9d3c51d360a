"""Parameters of strangers as hyperparameters."""

import numpy as np
import pytest

from fitscape.study.config import Choices, Range
from fitscape.study.importing.hyperparameters import UNSET, Parameter, by_ratio, parameters
from fitscape.study.importing.runs import Hint, Run


def one(values: list[object], hint: Hint | None = None) -> Parameter:
    runs = [Run(str(i), {} if value is None else {"config/x": value}, ()) for i, value in enumerate(values)]
    (found,), _ = parameters(runs, ["config/x"], {"config/x": hint} if hint else {})
    return found


def test_numbers_written_as_text_are_numbers() -> None:
    found = one(["0.1", "0.01", "1e-3", "1e-4"])
    assert found.name == "x"
    assert found.searched == Range(low=1e-4, high=0.1, log=True)
    assert found.value("1e-3") == 0.001


def test_whole_numbers_stay_whole() -> None:
    found = one([1, 2, 3, 8])
    assert found.searched == Range(low=1, high=8, log=False) or found.searched == Range(low=1, high=8, log=True)
    assert type(found.value("3")) is int
    assert type(found.default) is int


def test_two_numbers_are_choices() -> None:
    assert one([0.5, 1.5, 0.5]).searched == Choices(choices=(0.5, 1.5))


def test_words_and_truth_values_are_choices() -> None:
    assert one(["adam", "sgd", "adam"]).searched == Choices(choices=("adam", "sgd"))
    found = one(["True", "false", "true"])
    assert found.searched == Choices(choices=(False, True))
    assert found.value("True") is True
    assert one(["adam", "sgd", None, "adam"]).searched == Choices(choices=("adam", "sgd", UNSET))


def test_one_value_is_not_searched() -> None:
    assert one(["64", "64"]).searched is None


def test_a_number_that_is_missing_stays_missing_and_one_that_most_lack_is_left_out() -> None:
    runs = [Run(str(i), {"x": i} if i else {}, ()) for i in range(4)]
    (found,), notes = parameters(runs, ["x"], {})
    assert found.value(None) is None
    assert notes == ["1 runs lack x: they have labels and no place on the map"]
    assert parameters([Run("a", {"x": 1}, ()), Run("b", {}, ()), Run("c", {}, ())], ["x"], {})[0] == []


@pytest.mark.parametrize("seed", range(5))
def test_the_axis_on_which_values_lie_more_evenly_is_recognized(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert by_ratio(10 ** rng.uniform(-5, -1, 30))
    assert not by_ratio(rng.uniform(0.01, 1, 30))
    assert not by_ratio(np.append(10 ** rng.uniform(-5, -1, 30), 0.0))
    assert by_ratio([16, 32, 64, 128, 256])


def test_a_source_that_says_log_or_not_is_believed() -> None:
    assert one([0.1, 0.2, 0.9], Hint(whole=False, log=True)).searched == Range(low=0.1, high=0.9, log=True)
