"""Accuracies and per cents become error rates."""

import math

import pytest

from fitscape.study.errors import UserError
from fitscape.study.importing.runs import LARGEST
from fitscape.study.importing.units import Unit, recognized


@pytest.mark.parametrize(
    ("key", "values", "given", "value", "error"),
    [
        ("val_error", [0.1, 0.9], None, 0.25, 0.25),
        ("val_acc", [0.1, 0.9], None, 0.25, 0.75),
        ("val_acc", [10.0, 90.0], None, 25.0, 0.75),
        ("val_err", [10.0, 90.0], None, 25.0, 0.25),
        ("val_acc_pct", [0.1, 0.9], None, 0.5, 0.995),
        ("val", [0.1, 0.9], "accuracy", 0.25, 0.75),
        ("val_error", [0.5, 0.9], "error%", 0.5, 0.005),
    ],
)
def test_a_logged_number_is_an_error_rate(
    key: str, values: list[float], given: Unit | None, value: float, error: float
) -> None:
    assert recognized(key, values, "--val", given).error(value) == pytest.approx(error)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, LARGEST])
def test_what_is_not_finite_stays_no_number(value: float) -> None:
    rate = recognized("val_acc", [0.5, value], "--val")
    assert math.isnan(rate.error(value))


@pytest.mark.parametrize(("key", "values"), [("val_acc", [-0.5, 0.5]), ("val_error", [1.0, 250.0]), ("val", [0.5])])
def test_what_is_no_rate_is_refused(key: str, values: list[float]) -> None:
    with pytest.raises(UserError, match="--unit"):
        recognized(key, values, "--val")
