"""The map: from a table of trials to probabilities anywhere in the space."""

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from scipy.special import expit, logit

from fitscape.study.config import RegimeThresholds
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.decision import REGIMES, Cuts
from fitscape.study.maps.encoding import Encoder
from fitscape.study.maps.posterior import Worlds
from fitscape.study.maps.scores import score

SPACE: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(1e-3, 1, log=True),
    "width": FloatDistribution(0.1, 1),
    "norm": CategoricalDistribution(["batch", "none"]),
}
CUTS = Cuts(0.9, 0.05, 0.1)


def truth(points: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = Encoder(SPACE).features(points)
    shift = np.where(points["norm"] == "none", 0.8, 0.0)
    train = expit(1.5 - 5 * x[:, 0] - 2 * x[:, 1] + shift)
    val = np.minimum(train + expit(4 * x[:, 1] - 3), 0.97)
    return train, np.maximum(val, 0.05), x[:, 0] > 0.85


def table(n: int, seed: int = 0, noise: float = 0.15) -> pd.DataFrame:
    encoder = Encoder(SPACE)
    points = encoder.from_unit(encoder.sobol(n, seed))
    train, val, diverged = truth(points)
    rng = np.random.default_rng(seed)
    train, val = (expit(logit(e) + rng.normal(0, noise, n)) for e in (train, val))
    return points.assign(
        train_error=np.where(diverged, np.nan, train),
        val_error=np.where(diverged, np.nan, val),
        diverged=diverged, train_n=2000, val_n=1000, trial_id=[f"t{i}" for i in range(n)],
    )  # fmt: skip


def make(n: int = 96, **columns: object) -> RegimeMap:
    fresh = RegimeMap(SPACE, RegimeThresholds(tau=0.1), chance_error=0.9, reference_error=0.05)
    return fresh.fit(table(n).assign(**columns))


@pytest.fixture(scope="module")
def fitted() -> RegimeMap:
    return make()


@pytest.fixture(scope="module")
def held_out() -> tuple[pd.DataFrame, np.ndarray]:
    points = Encoder(SPACE).from_unit(Encoder(SPACE).sobol(512, seed=99))
    return points, CUTS.labels(*truth(points))


def test_it_finds_the_regimes_of_points_it_has_not_seen(fitted: RegimeMap, held_out: tuple) -> None:
    scores = score(fitted, *held_out)
    assert scores.accuracy > 0.9
    assert scores.wrong_decided <= 0.03
    assert scores.calibration < 0.06


def test_probabilities_sum_to_one_and_undecided_is_below_the_confidence(fitted: RegimeMap, held_out: tuple) -> None:
    predicted = fitted.predict(held_out[0])
    np.testing.assert_allclose(predicted[list(REGIMES)].sum(axis=1), 1)
    assert (predicted["undecided"] == (predicted["probability"] < 0.9)).all()
    assert predicted.index.equals(held_out[0].index)


@pytest.mark.parametrize("given", [0.03, None])
def test_a_reference_that_was_not_given_is_that_of_the_posterior(given: float | None) -> None:
    made = RegimeMap(SPACE, RegimeThresholds(tau=0.1), chance_error=0.9, reference_error=given).fit(table(32))
    expected = float(np.median(made.posterior.reference)) if given is None else given
    assert made.cuts.reference == pytest.approx(expected, abs=0)


def test_another_tau_needs_no_refit(fitted: RegimeMap, held_out: tuple) -> None:
    refitted = RegimeMap(SPACE, RegimeThresholds(tau=0.3), chance_error=0.9, reference_error=0.05).fit(table(96))
    np.testing.assert_allclose(
        fitted.predict(held_out[0], tau=0.3)["good"], refitted.predict(held_out[0])["good"], atol=1e-6
    )


def test_more_tolerance_makes_more_good(fitted: RegimeMap, held_out: tuple) -> None:
    good = [fitted.predict(held_out[0], tau=tau)["good"].mean() for tau in (0.02, 0.1, 0.4)]
    assert good == sorted(good)
    assert good[0] < good[2]


def test_diverged_trials_do_not_bend_the_errors(held_out: tuple) -> None:
    """What a diverged trial wrote as its errors is never read."""
    rows = table(96)
    absurd = rows.assign(val_error=rows["val_error"].fillna(0.0), train_error=rows["train_error"].fillna(0.0))
    fits = [RegimeMap(SPACE, RegimeThresholds(), chance_error=0.9, reference_error=0.05).fit(t) for t in (rows, absurd)]
    a, b = (f.predict(held_out[0])["val_error"] for f in fits)
    pd.testing.assert_series_equal(a, b)


def test_shares_are_those_of_the_space_not_of_the_trials(held_out: tuple) -> None:
    rows = table(128)
    crowded = pd.concat([rows, *[rows[rows["lr"] < 0.01]] * 2], ignore_index=True)
    share = RegimeMap(SPACE, RegimeThresholds(tau=0.1), chance_error=0.9, reference_error=0.05).fit(crowded).share()
    assert share["share"].sum() == pytest.approx(1)
    for regime in REGIMES:
        true = (held_out[1] == regime).mean()
        assert share.loc[regime, "share"] == pytest.approx(true, abs=0.05)
        assert share.loc[regime, "low"] <= share.loc[regime, "share"] + 0.01
        assert share.loc[regime, "high"] >= share.loc[regime, "share"] - 0.01


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_share_lies_in_its_interval_where_few_trials_diverged(broken: int) -> None:
    rows = table(64)
    rows = rows[~rows["diverged"] | (rows["diverged"].cumsum() <= broken)]
    share = RegimeMap(SPACE, RegimeThresholds(), chance_error=0.9, reference_error=0.05).fit(rows).share()
    assert (share["low"] <= share["share"]).all(), share
    assert (share["share"] <= share["high"]).all(), share


def test_the_nearest_evidence_is_near() -> None:
    rows = table(64)
    fitted = make(64)
    point = rows.iloc[7][list(SPACE)].to_dict()
    ids = fitted.nearest(point, k=3)
    assert ids[0] == "t7"
    assert len(ids) == 3


def test_boundaries_run_where_the_regimes_meet(fitted: RegimeMap) -> None:
    found = fitted.boundary("lr", "width", {"norm": "batch"}, resolution=41)
    cliff = next(b for b in found.boundaries if b.regime == "diverged")
    right = np.concatenate(cliff.lines)[:, 0].max()
    assert np.log10(right) == pytest.approx(-3 + 0.85 * 3, abs=0.15)
    assert found.probabilities.shape == (41, 41, 5)


def test_a_boundary_needs_every_other_hyperparameter(fitted: RegimeMap) -> None:
    with pytest.raises(ValueError, match="norm: hold this hyperparameter"):
        fitted.boundary("lr", "width", {})
    with pytest.raises(ValueError, match="norm: not a numeric hyperparameter"):
        fitted.boundary("lr", "norm", {"width": 0.5})


def test_label_noise_is_taken_out_of_the_training_error(held_out: tuple) -> None:
    rate = 0.2
    rows = table(96)
    noisy = rows.assign(train_error=rate + rows["train_error"] * (1 - rate / 0.9), flip_rate=rate)
    clean, denoised = (
        RegimeMap(SPACE, RegimeThresholds(tau=0.1), chance_error=0.9, reference_error=0.05).fit(t)
        for t in (rows, noisy)
    )
    agree = clean.predict(held_out[0])["regime"] == denoised.predict(held_out[0])["regime"]
    assert agree.mean() > 0.96


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_handful_of_trials_gives_a_humble_map(n: int, held_out: tuple) -> None:
    predicted = make(n).predict(held_out[0])
    assert np.isfinite(predicted[list(REGIMES)].to_numpy()).all()
    assert predicted["undecided"].mean() > 0.5


def test_all_diverged_is_a_map_too(held_out: tuple) -> None:
    assert (make(24, diverged=True).predict(held_out[0])["diverged"] > 0.5).all()


def test_the_luck_of_a_chosen_point_is_taken_out_of_it_alone(
    monkeypatch: pytest.MonkeyPatch, fitted: RegimeMap
) -> None:
    at = pd.DataFrame({"lr": [0.02, 0.05], "width": [0.3, 0.4], "norm": "batch"})
    monkeypatch.setattr(fitted.posterior, "flattery", lambda features: np.arange(0.5, 0.5 + len(features)))
    any_point, chosen = fitted.error_interval(at), fitted.error_interval(at, chosen=True)
    mean, _ = fitted.posterior.error(fitted.encoder.features(at))
    assert any_point["median"].to_numpy() == pytest.approx(fitted.cuts.error(mean))
    assert chosen["median"].to_numpy() == pytest.approx(fitted.cuts.error(mean + 0.5))


def test_bad_tables_are_refused() -> None:
    fresh = RegimeMap(SPACE, RegimeThresholds(), chance_error=0.9, reference_error=0.05)
    with pytest.raises(ValueError, match="at least one"):
        fresh.fit(table(4).iloc[:0])
    with pytest.raises(ValueError, match="val_error: no such column"):
        fresh.fit(table(4).drop(columns="val_error"))
    with pytest.raises(ValueError, match="val_error: must be a rate"):
        fresh.fit(table(4).assign(val_error=54.0, diverged=False))
    with pytest.raises(ValueError, match="train_error: must be a rate"):
        fresh.fit(table(4).assign(train_error=1.01, diverged=False))
    with pytest.raises(ValueError, match="train_error: must be a rate"):
        fresh.fit(table(4).assign(train_error=-0.01, diverged=False))
    with pytest.raises(ValueError, match="not fitted"):
        fresh.predict(table(4))


def test_shares_are_the_percentiles_of_the_joint_draws(fitted: RegimeMap, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw k makes the whole space good up to k %: the interval is that of the 5th to the 95th of a hundred draws."""
    points = 64

    def drawn(features: np.ndarray, draws: int) -> Worlds:
        good = np.arange(len(features)) < np.arange(draws)[:, None] / draws * len(features)
        val = np.where(good, 0.03, 0.6)
        return Worlds(val, np.full_like(val, 0.01), np.zeros_like(val), np.full(draws, 0.02))

    monkeypatch.setattr(fitted.posterior, "draw", drawn)
    share = fitted.share(points=points, draws=100)
    known = np.array([np.ceil(k / 100 * points) / points for k in range(100)])
    assert share.loc["good", "low"] == pytest.approx(np.quantile(known, 0.05))
    assert share.loc["good", "high"] == pytest.approx(np.quantile(known, 0.95))
    assert share.loc["overfit", "low"] == pytest.approx(np.quantile(1 - known, 0.05))


def test_planes_are_widened_by_what_one_validation_set_gives_all_trials() -> None:
    few, many = make(48, val_n=50), make(48, val_n=50_000)
    held = {"norm": "batch"}
    at = pd.DataFrame({"lr": [0.02], "width": [0.3], **held})
    widths = [float(np.ptp(fitted.error_interval(at)[["low", "high"]].to_numpy())) for fitted in (few, many)]
    assert widths[0] > 1.5 * widths[1] > 0
    sure = [fitted.boundary("lr", "width", held, resolution=21).probabilities.max(-1).mean() for fitted in (few, many)]
    assert sure[0] < sure[1]
    few.posterior.images = many.posterior.images  # the same fields, without the shift that all trials share
    surer = few.boundary("lr", "width", held, resolution=21).probabilities.max(-1).mean()
    assert sure[0] < surer - 0.002
