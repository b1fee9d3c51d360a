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


def test_memorizing_counts_the_validation_images_that_got_a_wrong_label() -> None:
    """Their share rests on 18 images, not on all 90 of validation: the lower end is .46, not .57."""
    given = {"memorized_train": 0.8, "memorized_val": 2 / 18, "flipped_n": 100, "train_n": 500, "val_n": 90}
    assert not flags.memorizing(make_epoch(0.1, 0.3, val_flipped_n=18, **given))
    assert not flags.memorizing(make_epoch(0.1, 0.3, **given)), "0.1.0 did not record it: a fifth of 90 is expected"
    assert flags.memorizing(make_epoch(0.1, 0.3, **{**given, "val_flipped_n": 90}))


@pytest.mark.parametrize(("step", "expected"), [(400, True), (500, True), (501, False)])
def test_vanishing_counts_epochs_up_to_step_500(step: int, expected: bool) -> None:
    first = make_epoch(0.9, 0.9, epoch=1, step=100, gradient_ratio=0.5)
    second = make_epoch(0.9, 0.9, epoch=2, step=step - 1, gradient_ratio=1e-6)
    third = make_epoch(0.9, 0.9, epoch=3, step=step, gradient_ratio=1e-6)
    assert flags.vanishing([first, second, third]) is expected


@pytest.mark.parametrize(("share", "expected"), [(0.33, False), (1 / 3, True), (2 / 3, True), (0.67, False)])
def test_mixed_is_a_third_to_two_thirds(share: float, expected: bool) -> None:
    assert flags.mixed(Regime.UNDERFIT, share) is expected


def test_mixed_is_for_nets_whose_fault_has_two_causes() -> None:
    assert flags.mixed(Regime.OVERFIT, 0.4)
    assert flags.mixed(Regime.UNDECIDED, 0.6)
    assert not flags.mixed(Regime.UNDERFIT, 0.9)
    assert not flags.mixed(Regime.GOOD, 0.4)
    assert not flags.mixed(Regime.UNDECIDED, float("nan"))
