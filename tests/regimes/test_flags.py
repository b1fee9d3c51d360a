"""Flags of one trial."""

import pytest
from hand_made import make_epoch

from fitscape.study.records import Regime
from fitscape.study.regimes import flags


def test_vanishing_looks_at_the_first_500_steps_only() -> None:
    vanished = make_epoch(0.9, 0.9, epoch=1, step=100, gradient_ratio=1e-5)
    later = [make_epoch(0.9, 0.9, epoch=e, step=600 * e, gradient_ratio=0.5) for e in (2, 3, 4)]
    assert flags.vanishing([vanished, *later])
    assert not flags.vanishing([make_epoch(0.9, 0.9, epoch=1, step=100, gradient_ratio=0.5), *later])


def test_a_long_first_epoch_still_counts() -> None:
    assert flags.vanishing([make_epoch(0.9, 0.9, epoch=1, step=5000, gradient_ratio=0.0)])


@pytest.mark.parametrize("ratio", [None, float("nan")])
def test_an_unmeasured_ratio_is_no_evidence(ratio: float | None) -> None:
    assert not flags.vanishing([make_epoch(0.9, 0.9, epoch=1, gradient_ratio=ratio)])


def test_interpolating_needs_a_training_error_of_at_most_a_hundredth() -> None:
    assert flags.interpolating(make_epoch(0.01, 0.2))
    assert not flags.interpolating(make_epoch(0.011, 0.2))


@pytest.mark.parametrize(
    ("seen", "unseen", "n", "expected"),
    [
        (0.99, 0.1, 400, True),
        (0.62, 0.1, 400, False),  # above one half, but not surely
        (0.99, 0.6, 400, False),  # the wrong labels are easy to guess
        (1.0, 0.0, 3, False),  # too few
        (None, None, 400, False),
        (0.99, 0.1, 0, False),
    ],
)
def test_memorizing_needs_the_lower_bound_above_one_half(
    seen: float | None, unseen: float | None, n: int, expected: bool
) -> None:
    epoch = make_epoch(0.1, 0.3, val_n=500, memorized_train=seen, memorized_val=unseen, flipped_n=n)
    assert flags.memorizing(epoch) is expected


def test_mixed_is_for_nets_whose_fault_has_two_causes() -> None:
    assert flags.mixed(Regime.OVERFIT, 0.4)
    assert flags.mixed(Regime.UNDECIDED, 0.6)
    assert not flags.mixed(Regime.UNDERFIT, 0.9)
    assert not flags.mixed(Regime.GOOD, 0.4)
    assert not flags.mixed(Regime.UNDECIDED, float("nan"))
