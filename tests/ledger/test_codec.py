import dataclasses
import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from studies_by_hand import epoch_record, new_ledger

from fitscape.study.config import TrialConfig
from fitscape.study.ledger.codec import EPOCH_SCALARS, LABEL_SCALARS
from fitscape.study.records import EpochRecord, GradientProfile, Label, LatePair, Regime, TrialState

FLOATS = st.floats()  # NaN, both infinities, -0.0 and subnormals among them
COUNTS = st.integers(0, 2**40)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    int: COUNTS,
    float: FLOATS,
    int | None: st.none() | COUNTS,
    float | None: st.none() | FLOATS,
}


def profiles() -> st.SearchStrategy[tuple[GradientProfile, ...]]:
    def profile(norms: list[tuple[float, float]], step: int) -> GradientProfile:
        layers = tuple(f"layer{i}" for i in range(len(norms)))
        gradients, weights = zip(*norms, strict=True)
        return GradientProfile(step=step, layers=layers, gradient_norms=gradients, weight_norms=weights)

    norms = st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=4)
    return st.lists(st.builds(profile, norms, st.integers(0, 100)), max_size=2).map(tuple)


def records() -> st.SearchStrategy[EpochRecord]:
    types = {field.name: field.type for field in dataclasses.fields(EpochRecord)}
    values = {name: BY_TYPE[types[name]] for name in EPOCH_SCALARS}
    return st.builds(EpochRecord, **values | {"epoch": st.just(1), "gradients": profiles()})


def same(a: Any, b: Any) -> bool:
    """Equal, and NaN equals NaN; None does not. (SQLite forgets the sign of -0.0, which ``==`` does not see.)"""
    if dataclasses.is_dataclass(a) and type(a) is type(b):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory):
    with new_ledger(tmp_path_factory.mktemp("codec")) as ledger:
        yield ledger


@settings(max_examples=150, deadline=None)
@given(record=records())
def test_an_epoch_returns_as_it_was_non_finite_values_among_it(shared, record):
    trial = shared.add_trial(TrialConfig(seed=len(shared.trials())), {}, "sobol")
    shared.record_epoch(trial.trial_id, record)
    assert same(shared.trial(trial.trial_id).epochs, (record,))


def test_an_average_in_sql_never_counts_nan_as_zero(tmp_path: Path):
    with new_ledger(tmp_path) as ledger:
        trial_id = ledger.add_trial(TrialConfig(), {}, "sobol").trial_id
        ledger.record_epoch(trial_id, epoch_record(1, val_error=0.5))
        ledger.record_epoch(trial_id, epoch_record(2, val_error=math.nan))
        with sqlite3.connect(ledger.path) as connection:
            assert connection.execute("SELECT avg(val_error) FROM epochs").fetchone() == (0.5,)


@given(values=st.lists(FLOATS, min_size=4, max_size=4), flags=st.lists(st.sampled_from(["mixed", "degraded"])))
@settings(max_examples=50, deadline=None)
def test_a_label_returns_as_it_was(shared, values, flags):
    trial_id = shared.add_trial(TrialConfig(), {}, "sobol").trial_id
    label = Label(
        trial_id=trial_id,
        epoch=3,
        regime=Regime.OVERFIT,
        probability=values[0],
        probabilities={"overfit": values[0], "good": 0.25},
        train_excess=values[1],
        gap_excess=values[2],
        bias_share=values[3],
        flags=tuple(flags),
        thresholds_version=1,
        tau=0.05,
        reference_error=0.1,
        chance_error=0.9,
    )
    shared.put_labels([label])
    assert same(shared.labels(tau=0.05), [label])


def test_the_late_pair_returns_as_it_was(tmp_path: Path):
    late = LatePair(
        best_epoch=2,
        last_epoch=9,
        best_losses=(0.1, math.inf),
        last_losses=(math.nan, 2.0),
        best_errors=(True, False),
        last_errors=(False, True),
    )
    with new_ledger(tmp_path) as ledger:
        trial_id = ledger.add_trial(TrialConfig(), {}, "sobol").trial_id
        ledger.end_trial(trial_id, TrialState.FINISHED, late=late)
        assert same(ledger.trial(trial_id).late, late)


def test_every_field_of_the_records_has_its_column(tmp_path: Path):
    with new_ledger(tmp_path) as ledger, sqlite3.connect(ledger.path) as connection:
        columns = {
            table: {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for table in ("epochs", "labels")
        }
    scalars = {f.name for f in dataclasses.fields(EpochRecord)} - {"gradients"}  # in a table of their own
    assert columns["epochs"] == {"trial_id", "nans", *scalars}
    assert columns["labels"] == {"nans", *(f.name for f in dataclasses.fields(Label))}
    assert set(LABEL_SCALARS) < columns["labels"]
