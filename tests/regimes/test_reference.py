"""The reference error."""

import numpy as np
import pytest
from hand_made import make_epoch, make_trial, noisy_epoch

from fitscape.study.regimes import Reference, beyond_guessing, by_group, estimate_reference, standard_draws
from fitscape.study.regimes.reference import guessing


def test_a_given_reference_is_taken_as_exact() -> None:
    reference = estimate_reference([], given=0.03)
    assert (reference.draws(standard_draws(0)) == 0.03).all()


def test_without_a_finished_trial_there_is_none() -> None:
    with pytest.raises(ValueError, match="no trial has ended"):
        estimate_reference([])


def test_chosen_on_half_a_and_estimated_on_half_b() -> None:
    lucky_on_a = make_trial({"width": 0.25}, make_epoch(0.1, 0.06, val_error_a=0.02, val_error_b=0.10))
    lucky_on_b = make_trial({"width": 0.5}, make_epoch(0.1, 0.06, val_error_a=0.10, val_error_b=0.02))
    reference = estimate_reference([lucky_on_a, lucky_on_b])
    assert reference.group_id == lucky_on_a.config.group_id
    assert reference.error == pytest.approx(0.10, abs=0.001)


def test_a_study_of_nets_that_guess_is_not_surely_beyond_guessing() -> None:
    for error, sure in ((0.89, False), (0.5, True)):
        found = beyond_guessing([make_trial({}, make_epoch(error, error, val_n=200))], 0.9)
        assert found is not None
        assert (found[1] >= 0.9) is sure
    assert beyond_guessing([], 0.9) is None


def test_the_verdict_of_guessing_says_the_error_its_interval_and_how_likely_it_is_below_chance() -> None:
    found = guessing([make_trial({}, make_epoch(0.89, 0.89, val_n=200))], 0.9, 0.9)
    assert found is not None
    assert found.low < found.error < found.high
    assert found.error == pytest.approx(0.89, abs=0.01)
    assert 0.5 < found.probability < 0.9
    assert guessing([make_trial({}, make_epoch(0.5, 0.5, val_n=200))], 0.9, 0.9) is None
    assert guessing([], 0.9, 0.9) is None


def test_three_steady_seeds_beat_one_lucky_one() -> None:
    steady = [make_trial({"width": 0.25, "seed": s}, make_epoch(0.1, 0.05)) for s in range(3)]
    lucky = make_trial({"width": 0.5}, make_epoch(0.1, 0.048))
    reference = estimate_reference([*steady, lucky])
    assert reference.group_id == steady[0].config.group_id
    assert reference.seeds == 3


def test_no_winners_curse_among_equal_configurations() -> None:
    rng = np.random.default_rng(0)
    naive, split = [], []
    for _ in range(40):
        trials = [
            make_trial({"width": 0.2 + i / 50}, noisy_epoch(rng, 0.05, 0.1, val_n=400, val_sd=0.0)) for i in range(60)
        ]
        naive.append(min(t.last.val_error for t in trials if t.last))
        split.append(estimate_reference(trials).error)
    assert np.mean(naive) < 0.075
    assert np.mean(split) == pytest.approx(0.1, abs=0.01)


def test_the_drawn_reference_carries_images_and_seeds() -> None:
    rng = np.random.default_rng(0)
    trials = [make_trial({"seed": s}, noisy_epoch(rng, 0.05, 0.1)) for s in range(4)]
    drawn = estimate_reference(trials).draws(standard_draws(0))
    assert by_group(trials)
    assert 0.005 < drawn.std() < 0.03
    assert drawn.mean() == pytest.approx(0.1, abs=0.03)


def test_the_images_of_each_half_are_those_that_were_recorded() -> None:
    uneven = make_epoch(0.05, 0.1, val_n=200, val_n_a=40, val_error_a=0.05, val_error_b=0.1)
    assert uneven.halves == (40, 160)
    reference = estimate_reference([make_trial({}, uneven)])
    assert reference.images == 160
    assert reference.error == pytest.approx((0.1 * 160 + 0.5) / 161)
    assert make_epoch(0.05, 0.1, val_n=201).halves == (101, 100)


def test_an_empty_half_of_an_old_record_does_not_make_an_untrained_net_the_reference() -> None:
    """0.1.0 left half A without images where each class had few: its error is NaN in the ledger."""
    none = {"val_n": 100, "val_error_a": float("nan"), "val_loss_a": float("nan")}
    untrained = make_trial({"width": 0.125}, make_epoch(0.9, 0.9, val_error_b=0.9, **none))
    learned = make_trial({"width": 0.5}, make_epoch(0.1, 0.16, val_error_b=0.16, **none))
    for trials in ([untrained, learned], [learned, untrained]):
        assert estimate_reference(trials).group_id == learned.config.group_id


@pytest.mark.parametrize("seeds", [2, 4, 9])
def test_the_seeds_part_of_the_references_spread_falls_with_their_root(seeds: int) -> None:
    """Many images, so that sampling says nothing: 1 against 4 seeds is a ratio of 2."""
    one, many = (Reference(error=0.1, images=10**9, seeds=n, seed_sd=0.2) for n in (1, seeds))
    spread = [np.std(np.log(d / (1 - d))) for d in (r.draws(standard_draws(0)) for r in (one, many))]
    assert spread[0] / spread[1] == pytest.approx(np.sqrt(seeds), rel=1e-3)
    assert spread[0] == pytest.approx(0.2, rel=0.05)
