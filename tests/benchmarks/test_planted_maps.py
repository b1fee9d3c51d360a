"""What the planted landscapes say of a map: bands around boundaries, and changes that it says help."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.statistics import bands, changes, maps
from fitscape.study.maps.advice import AdvisedChange


@pytest.fixture(scope="module")
def study() -> tuple[Any, ...]:
    """A map of S1 with its landscape and law."""
    table = maps.trials("S1", maps.Condition(24), 0)
    cuts, _ = maps.ground("S1").truth(table)
    return maps.fitted("S1", table), maps.ground("S1").landscape, cuts


def test_bands_that_are_everywhere_hold_every_boundary_and_sure_ones_none(
    study: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, landscape, cuts = study
    for p, held, area in ((0.2, 1.0, 1.0), (0.0, 0.0, 0.0)):
        monkeypatch.setattr(one, "probabilities", lambda features, tau=None, p=p: np.full((len(features), 5), p))
        told = bands.bands(one, landscape, cuts)
        assert (told["band_inside"], told["band_width"]) == (held, area)


def test_a_change_helps_where_the_planted_error_falls(study: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    one, landscape, _ = study

    def step(before: float, after: float, lowers: float = 0.9) -> AdvisedChange:
        errors = {"good_before": 0.5, "good_after": 0.6, "error_before": 0.2, "error_after": 0.1}
        return AdvisedChange(hyperparameter="width", before=before, after=after, lowers=lowers, **errors)

    told = [step(1.5, 40.0), step(40.0, 1.5), step(1.5, 40.0, lowers=0.5)]
    monkeypatch.setattr(changes, "steps", lambda fitted, point: told)
    narrow, wide = (landscape.truth(pd.DataFrame({"width": [w], "train_fraction": [0.3]}))[1][0] for w in (1.5, 40.0))
    assert wide < narrow
    assert changes.changes(one, landscape, {}) == [(0.9, True), (0.9, False)], "what is not said to help is not asked"
