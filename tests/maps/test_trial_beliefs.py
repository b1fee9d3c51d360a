"""What a map adds to the labels of its trials."""

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution

from benchmarks.statistics.labels import run
from benchmarks.statistics.maps import NAMES
from fitscape.study.config import RegimeThresholds
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.trial_beliefs import RowBeliefs, TrialBeliefs
from fitscape.study.regimes import standard_draws
from fitscape.study.regimes.evidence import More


def fitted(n: int, dimensions: int = 1, seeds: int = 1, odd: float | None = None, sd: float = 0.05) -> RegimeMap:
    """A smooth valley of validation error along every axis; ``odd``: error of the last run instead of its own."""
    rng = np.random.default_rng(0)
    points = pd.DataFrame(rng.uniform(size=(n, dimensions)), columns=[f"x{i}" for i in range(dimensions)])
    points = points.loc[points.index.repeat(seeds)].reset_index(drop=True)
    logit = -2.5 + 6 * ((points - 0.5) ** 2).mean(axis=1).to_numpy() + rng.normal(0, sd, len(points))
    val = 1 / (1 + np.exp(-logit))
    if odd is not None:
        val[-1] = odd
    table = points.assign(
        train_error=0.5 * val, val_error=val, diverged=False, train_n=5000, val_n=5000,
        trial_id=[f"t{i}" for i in range(len(points))],
    )  # fmt: skip
    space = {name: FloatDistribution(0, 1) for name in points}
    return RegimeMap(space, RegimeThresholds(), chance_error=0.9, reference_error=None).fit(table)


def rows(one: RegimeMap) -> RowBeliefs:
    return RowBeliefs.of(one.posterior.components[0].val, one.posterior.rows)


def test_neighbours_narrow_what_one_run_says() -> None:
    told = rows(fitted(24))
    own = np.sqrt(told.seed + told.images)
    assert (told.sd < own).mean() > 0.9


def test_a_run_that_all_others_contradict_is_left_to_itself() -> None:
    one = fitted(24, odd=0.85)
    told = rows(one)
    field = one.posterior.fields.val
    observed = field.centre + field.scale * field.y[-1]
    assert told.mean[-1] == pytest.approx(observed)
    assert told.runs[-1] == 1


def test_more_seeds_and_more_images_narrow_it_and_leave_it_where_it_is() -> None:
    one = fitted(24)
    beliefs, normals = TrialBeliefs(one), standard_draws(0, 1200).seeds(0.0)
    now, seeds, images = (
        beliefs.draws(["t3"], normals, more).val for more in (More(), More(seeds=8), More(images=1000))
    )
    assert seeds.std() < now.std()
    assert images.std() < now.std()
    assert np.median(seeds) == pytest.approx(np.median(now), rel=0.02)


def test_runs_that_are_folds_narrow_it_less() -> None:
    one = fitted(24, seeds=3)
    apart, folds = (TrialBeliefs(one, overlap)._val[0] for overlap in (0.0, 0.5))
    assert (folds.sd > apart.sd).all()
    assert (folds.sd_with(More(seeds=8)) > apart.sd_with(More(seeds=8))).all()
    assert (folds.sd_with(More(seeds=8)) < folds.sd).all()


def test_evidence_that_there_is_not_counts_as_what_there_is() -> None:
    """Of one run without neighbours: with four times the images, and with two further seeds."""
    seed, images = np.array([0.3]), np.array([0.2])
    one = RowBeliefs(np.zeros(1), np.sqrt(seed + images), seed, images, np.ones(1))
    assert one.sd_with(More(images=4)) == pytest.approx(np.sqrt(0.3 + 0.2 / 4))
    assert one.sd_with(More(seeds=2)) == pytest.approx(np.sqrt((0.3 + 0.2) / 3))
    assert one.sd_with(More(seeds=2, images=4)) == pytest.approx(np.sqrt((0.3 + 0.2 / 4) / 3))


@pytest.mark.parametrize(
    ("n", "dimensions", "seeds", "heard"),
    [(48, 6, 1, False), (80, 6, 1, True), (16, 6, 3, True), (15, 2, 1, False), (16, 2, 1, True), (4, 1, 3, False)],
)
def test_the_map_has_a_say_where_its_trials_suffice_for_the_space(
    n: int, dimensions: int, seeds: int, heard: bool
) -> None:
    beliefs = TrialBeliefs(fitted(n, dimensions, seeds))
    assert beliefs.holds("t0") is heard
    assert len(beliefs.reference)


def test_labels_of_planted_trials_are_decided_more_often_and_are_as_right() -> None:
    """A small part of `make statistics`."""
    studies = [run(name, "48, sd .2", 0) for name in NAMES]
    total = {kind: pd.DataFrame([one[kind] for one in studies]).sum() for kind in ("with map", "own runs")}
    told, alone = total["with map"], total["own runs"]
    assert told["undecided"] < 0.9 * alone["undecided"]
    assert told["wrong"] <= 0.03 * (told["trials"] - told["undecided"])
    assert told["inside"] >= 0.96 * told["undecided"]
