"""Labels of whole studies, against planted truths."""

import time
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hand_made import make_epoch, make_trial, noisy_epoch
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import CHANCE, CLASSES, label_planted, macro_f1, planted_study

from fitscape.study.config import RegimeThresholds
from fitscape.study.records import Label, LatePair, Regime, TrialRecord, TrialState
from fitscape.study.regimes import Reference, label, label_all, regimes_at


def labels_of(trials: list[TrialRecord], **given: object) -> list[Label]:
    options = {"reference": Reference(error=0.05), **given}
    return label_all(trials, RegimeThresholds(), classes=CLASSES, chance_error=CHANCE, **options)


def test_planted_truths_are_found_over_many_noisy_studies() -> None:
    pairs: list[tuple[Regime, Regime]] = []
    for seed in range(40):
        trials, truth = planted_study(np.random.default_rng(seed))
        labels = label_planted(trials)
        pairs += [(regime, labels[i].regime) for i, regime in truth.items()]
    decided = [(t, p) for t, p in pairs if p is not Regime.UNDECIDED]
    assert macro_f1(pairs) >= 0.95
    assert sum(t != p for t, p in decided) <= 0.01 * len(decided)


def test_flags_of_the_planted_study() -> None:
    trials, _ = planted_study(np.random.default_rng(0))
    labels = label_planted(trials)
    deep = {t.trial_id for t in trials if t.config.model.depth == 56 and t.config.optimization.lr == 0.1}
    assert {i for i, one in labels.items() if "degraded" in one.flags} == deep
    by_heart = {t.trial_id for t in trials if t.config.data.label_noise in (0.4, 1.0)}
    assert {i for i, one in labels.items() if "memorizing" in one.flags} == by_heart


def test_regimes_at_other_taus_are_those_of_the_labels() -> None:
    trials, _ = planted_study(np.random.default_rng(3), seeds=2)
    trials.append(replace(trials[0], trial_id="gone", state=TrialState.DIVERGED, epochs=()))
    taus = (0.02, 0.05, 0.2, 0.8)
    given = {"classes": CLASSES, "chance_error": CHANCE}
    found = regimes_at(trials, RegimeThresholds(), taus, **given)
    for i, tau in enumerate(taus):
        labels = label_all(trials, RegimeThresholds(tau=tau), **given)
        assert {one.trial_id: one.regime for one in labels} == {name: row[i] for name, row in found.items()}
    assert len({tuple(row) for row in found.values()}) > 3


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 5))
def test_labels_do_not_depend_on_the_order_of_trials(random: Random, seed: int) -> None:
    trials, _ = planted_study(np.random.default_rng(seed), seeds=2)
    before = label_planted(trials)
    random.shuffle(trials)
    after = label_planted(trials)
    assert all(repr(after[i]) == repr(before[i]) for i in before)


@settings(max_examples=20, deadline=None)
@given(train=st.floats(0, 0.9), val=st.floats(0, 0.9), noise=st.sampled_from([0.0, 0.2, 1.0]))
def test_probabilities_sum_to_1_and_good_grows_with_tau(train: float, val: float, noise: float) -> None:
    trial = make_trial({"label_noise": noise}, make_epoch(train, val))
    good = []
    for tau in (0.02, 0.05, 0.1, 0.2, 0.8):
        one = label(trial, Reference(error=0.05), RegimeThresholds(tau=tau), classes=CLASSES, chance_error=CHANCE)
        assert one is not None
        assert sum(one.probabilities.values()) == pytest.approx(1)
        assert one.tau == tau
        good.append(one.probabilities["good"])
    assert good == sorted(good)


def test_more_images_leave_fewer_undecided() -> None:
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.02, 0.5, (60, 2))
    undecided = []
    for n in (50, 500, 5000, 50_000):
        trials = [
            make_trial({"width": 0.2 + i / 60}, make_epoch(tr, va, train_n=n, val_n=n))
            for i, (tr, va) in enumerate(errors)
        ]
        undecided.append(sum(one.regime is Regime.UNDECIDED for one in labels_of(trials)))
    assert undecided == sorted(undecided, reverse=True)
    assert undecided[-1] < undecided[0]


def test_only_trials_with_something_to_show_are_labelled() -> None:
    epoch = make_epoch(0.02, 0.05)
    trials = [make_trial({"seed": i}, epoch, state=s) for i, s in enumerate(TrialState)]
    found = {one.trial_id: one.regime for one in labels_of(trials)}
    expected = {TrialState.FINISHED, TrialState.DIVERGED}
    assert {t.state for t in trials if t.trial_id in found} == expected
    assert found[trials[list(TrialState).index(TrialState.DIVERGED)].trial_id] is Regime.DIVERGED
    assert labels_of([make_trial({}, state=TrialState.DIVERGED)], reference=None)[0].epoch == 0


@pytest.mark.parametrize("bad", [{"train_loss": float("nan")}, {"val_error": float("inf")}])
def test_non_finite_numbers_are_divergence(bad: dict[str, float]) -> None:
    assert labels_of([make_trial({}, make_epoch(0.1, 0.1, **bad))])[0].regime is Regime.DIVERGED


def test_three_evaluations_far_above_guessing_are_divergence() -> None:
    high = [make_epoch(0.9, 0.9, epoch=e, train_loss=5.0, batch_loss=2.4) for e in (1, 2, 3)]
    assert labels_of([make_trial({}, *high)])[0].regime is Regime.DIVERGED
    recovered = make_epoch(0.02, 0.05, epoch=4, train_loss=0.1)
    assert labels_of([make_trial({}, *high, recovered)])[0].regime is Regime.GOOD


def test_bad_evaluations_of_a_net_that_fits_its_batches_are_no_divergence() -> None:
    stale = [
        make_epoch(0.5, 0.6, epoch=e, train_loss=5.0, batch_loss=loss) for e, loss in ((1, 2.4), (2, 1.0), (3, 0.1))
    ]
    assert labels_of([make_trial({}, *stale)])[0].regime is Regime.UNDERFIT
    no_number = make_epoch(0.5, 0.6, epoch=4, train_loss=5.0, batch_loss=0.1, val_loss=float("nan"))
    assert labels_of([make_trial({}, *stale, no_number)])[0].regime is Regime.DIVERGED


def test_an_earlier_epoch_is_labelled_as_it_stood() -> None:
    trial = make_trial({}, make_epoch(0.5, 0.5, epoch=1), make_epoch(0.0, 0.3, epoch=2), state=TrialState.RUNNING)
    diverged = make_trial({"seed": 1}, make_epoch(0.5, 0.5, epoch=1), state=TrialState.DIVERGED)
    assert [one.regime for one in labels_of([trial, diverged], epoch=1)] == [Regime.UNDERFIT] * 2
    assert [one.regime for one in labels_of([trial, diverged], epoch=2)] == [Regime.OVERFIT, Regime.DIVERGED]
    assert labels_of([trial], epoch=3) == []


def test_overfitting_in_time_is_flagged_at_the_last_epoch_only() -> None:
    low, high = (0.1,) * 200, tuple(0.1 + 0.01 * (i % 9) for i in range(200))
    right = (False,) * 200
    late = LatePair(best_epoch=1, last_epoch=9, best_losses=low, last_losses=high, best_errors=right, last_errors=right)
    epochs = [make_epoch(0, 0.05, epoch=e, val_loss=0.1 + 0.005 * (e - 1)) for e in range(1, 10)]
    trial = make_trial({}, *epochs, late=late)
    assert "overfit_in_time" in labels_of([trial])[0].flags
    assert "overfit_in_time" not in labels_of([trial], epoch=1)[0].flags


def test_a_reference_of_the_user_is_stored_with_the_label() -> None:
    trial = make_trial({}, make_epoch(0.02, 0.05))
    thresholds = RegimeThresholds(reference_error=0.01)
    (one,) = label_all([trial], thresholds, classes=CLASSES, chance_error=CHANCE)
    assert (one.reference_error, one.thresholds_version) == (0.01, 1)


def test_a_trial_alone_gets_the_label_it_gets_among_others() -> None:
    trials = [make_trial({"width": 0.2 + i / 50}, noisy_epoch(np.random.default_rng(i), 0.1, 0.2)) for i in range(9)]
    among = labels_of(trials)
    alone = [label(t, Reference(error=0.05), RegimeThresholds(), classes=CLASSES, chance_error=CHANCE) for t in trials]
    assert alone == among


def test_two_thousand_trials_are_labelled_in_seconds() -> None:
    rng = np.random.default_rng(0)
    trials = [make_trial({"width": 0.2 + i / 2000}, noisy_epoch(rng, *rng.uniform(0, 0.9, 2))) for i in range(2000)]
    start = time.process_time()
    labels_of(trials)
    assert time.process_time() - start < 2


def test_few_trials_get_the_labels_they_get_among_all_from_the_last_epochs_of_the_others() -> None:
    trials, _ = planted_study(np.random.default_rng(3))
    whole = {one.trial_id: one for one in labels_of(trials)}
    asked = [t for t in trials if t.trial_id in whole][::7]
    groups = {t.config.group_id for t in asked}
    ends = [t if t.config.group_id in groups else replace(t, epochs=t.epochs[-1:], late=None) for t in trials]
    found = labels_of(ends, only={t.trial_id for t in asked})
    assert [one.trial_id for one in found] == [t.trial_id for t in asked]
    for one in found:
        flags = tuple(flag for flag in whole[one.trial_id].flags if flag != "degraded")
        assert repr(one) == repr(replace(whole[one.trial_id], flags=flags))  # a share of no excess is not a number
