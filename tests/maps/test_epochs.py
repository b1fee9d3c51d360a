"""Training time as an axis of the map."""

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from scipy.special import expit

from fitscape.study.config import RegimeThresholds
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.epochs import MOST_ROWS, axis, log_spaced, thin

TOTAL = 64
CUTS = Cuts(0.9, 0.05, 0.1)


def truth(width: np.ndarray, epoch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wide nets overfit late: training error falls for ever, validation error rises again."""
    time = np.log(epoch) / np.log(TOTAL)
    train = expit(2 - 4 * width * time - 4 * time)
    return train, np.minimum(train + expit(-4 + 5 * width * time), 0.97)


def curves(runs: int, seed_sd: float = 0.2) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for run in range(runs):
        width = rng.random()
        epochs = np.arange(1, TOTAL + 1)
        errors = truth(np.full(TOTAL, width), epochs)
        shifted = [expit(np.log(e / (1 - e)) + rng.normal(0, seed_sd) + rng.normal(0, 0.03, TOTAL)) for e in errors]
        rows.append(
            pd.DataFrame(
                {
                    "width": width,
                    "epoch": epochs,
                    "train_error": shifted[0],
                    "val_error": shifted[1],
                    "diverged": False,
                    "trial_id": f"t{run}",
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def fit(table: pd.DataFrame) -> RegimeMap:
    space = {"width": FloatDistribution(0, 1), "epoch": axis(TOTAL)}
    return RegimeMap(space, RegimeThresholds(tau=0.1), chance_error=0.9, reference_error=0.05).fit(table)


@pytest.fixture(scope="module")
def points() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({"width": rng.random(300), "epoch": np.exp(rng.uniform(0, np.log(TOTAL), 300)).round()})


def test_the_map_knows_when_a_net_starts_to_overfit(points: pd.DataFrame) -> None:
    fitted = fit(thin(curves(24)))
    train, val = truth(points["width"].to_numpy(), points["epoch"].to_numpy())
    labels = CUTS.labels(train, val, np.zeros(300, dtype=bool))
    assert (fitted.predict(points)["regime"] == labels).mean() > 0.9


def test_epochs_of_one_run_are_not_as_many_runs(points: pd.DataFrame) -> None:
    """Read as independent rows, the epochs of a run would make the map too sure of what its seed did."""
    table = thin(curves(16, seed_sd=0.5))
    _, val = truth(points["width"].to_numpy(), points["epoch"].to_numpy())

    def surprise(rows: pd.DataFrame) -> float:
        fitted = fit(rows)
        beliefs = fitted.fields.predict(fitted.encoder.features(points))
        return float(np.mean(((CUTS.z(val) - beliefs.val_mean) / beliefs.val_sd) ** 2))

    assert surprise(table) < 0.7 * surprise(table.assign(trial_id=range(len(table))))


def test_thinning_keeps_the_ends_and_spaces_by_the_logarithm() -> None:
    assert log_spaced(64, 7).tolist() == [1, 2, 4, 8, 16, 32, 64]
    kept = thin(curves(3))
    assert kept.groupby("trial_id")["epoch"].apply(list).tolist() == [[1, 2, 4, 8, 16, 32, 64]] * 3


def test_many_runs_give_fewer_epochs_each() -> None:
    table = pd.DataFrame({"trial_id": np.repeat(np.arange(500), 10), "epoch": np.tile(np.arange(1, 11), 500)})
    kept = thin(table)
    assert len(kept) <= MOST_ROWS
    assert (kept.groupby("trial_id")["epoch"].max() == 10).all()


def test_evidence_is_runs_not_rows() -> None:
    assert len(set(fit(thin(curves(8))).nearest({"width": 0.5, "epoch": 8}, k=4))) == 4
