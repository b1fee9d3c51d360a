"""A study read from its folder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hand_made import make_epoch

from fitscape.study.config import Choices, Range, RegimeThresholds, StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.records import Regime, TrialState
from fitscape.study.regimes import to_noisy

SPACE = {"width": Range(low=0.125, high=1), "label_noise": Choices(choices=(0.0, 0.2))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three trials at the same errors: one to its end, one stopped, one that failed."""
    provenance = {"chance_error": 0.9, "data": {"classes": list(range(10))}}
    config = StudyConfig(name="read", space=SPACE)
    with Ledger.create(tmp_path / "ledger.db", config, provenance) as ledger:
        for seed, state in enumerate((TrialState.FINISHED, TrialState.STOPPED, TrialState.FAILED)):
            point = {"width": 0.5, "label_noise": 0.2, "seed": seed}
            trial_id = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol").trial_id
            ledger.start_attempt(trial_id, "here", "cpu")
            ledger.record_epoch(trial_id, make_epoch(0.6, 0.62, epoch=1, flipped_n=368))
            ledger.end_trial(trial_id, state)
    return tmp_path


def test_a_trial_that_an_earlier_release_stopped_keeps_its_label_and_is_not_on_the_map(folder: Path) -> None:
    finished, stopped, _ = open_study(folder).trials
    given = replace(open_study(folder).labels[finished.trial_id], trial_id=stopped.trial_id, regime=Regime.OVERFIT)
    with Ledger.open(folder / "ledger.db") as ledger:
        ledger.put_labels([given])
    study = open_study(folder)
    assert study.labels[stopped.trial_id] == given
    assert study.map_table()["trial_id"].tolist() == [finished.trial_id]


def test_a_stopped_trial_without_a_label_gets_none_from_where_it_stood(folder: Path) -> None:
    study = open_study(folder)
    assert set(study.labels) == {study.trials[0].trial_id}


def test_label_noise_as_a_hyperparameter_keeps_its_value_beside_the_share_of_labels_that_flipped(folder: Path) -> None:
    study = open_study(folder)
    table = study.map_table()
    assert table["label_noise"].tolist() == [0.2]
    assert table["flip_rate"].tolist() == [0.184]
    assert (
        study.map.encoder.features(table)[0].tolist()
        != study.map.encoder.features(table.assign(label_noise=0.0))[0].tolist()
    )


def test_label_noise_with_unequal_classes_does_not_make_learned_nets_diverged_on_the_map(tmp_path: Path) -> None:
    """Classes of 70, 15 and 15 %: always answering the first is wrong for 30 %, of the redrawn labels for 2 in 3."""
    provenance = {"chance_error": 0.3, "data": {"classes": ["a", "b", "c"]}}
    regimes = RegimeThresholds(tau=0.3)
    config = StudyConfig(name="unequal", space={"width": Range(low=0.125, high=1)}, regimes=regimes)
    noise, flipped = 0.5, 0.5 * 2 / 3
    with Ledger.create(tmp_path / "ledger.db", config, provenance) as ledger:
        for i in range(16):
            point = {"width": 0.125 + 0.05 * i, "label_noise": noise}
            trial_id = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol").trial_id
            ledger.start_attempt(trial_id, "here", "cpu")
            told = float(to_noisy(0.05, flipped, 3))
            ledger.record_epoch(trial_id, make_epoch(told, 0.06, epoch=1, flipped_n=round(2000 * flipped)))
            ledger.end_trial(trial_id, TrialState.FINISHED)
    study = open_study(tmp_path)
    assert all(label.probabilities["good"] > 0.5 for label in study.labels.values())
    assert set(study.map.predict(study.map_table())["regime"]) == {"good"}


def test_the_map_reads_last_epochs_alone_and_is_fitted_on_the_same_table(tmp_path: Path) -> None:
    provenance = {"chance_error": 0.9, "data": {"classes": list(range(10))}}
    config = StudyConfig(name="ends", space=SPACE)
    nan = float("nan")
    curves: list[tuple[TrialState, list[tuple[int, float]]]] = [
        (TrialState.FINISHED, [(1, 0.8), (2, 0.5), (3, 0.3)]),
        (TrialState.FINISHED, [(3, 0.2), (1, 0.7), (2, 0.6)]),  # the order in which they arrived
        (TrialState.FINISHED, [(1, 0.8), (2, nan)]),
        (TrialState.FINISHED, []),
        (TrialState.DIVERGED, [(1, 0.8), (2, nan)]),
        (TrialState.DIVERGED, [(1, 0.8), (2, 0.7)]),
        (TrialState.STOPPED, [(1, 0.8), (2, 0.6)]),
        (TrialState.FAILED, [(1, 0.8)]),
        (TrialState.RUNNING, [(1, 0.8), (2, 0.6)]),
        (TrialState.PENDING, []),
    ]
    with Ledger.create(tmp_path / "ledger.db", config, provenance) as ledger:
        for at, (state, errors) in enumerate(curves):
            point = {"width": 0.2 + 0.05 * at, "label_noise": 0.2 * (at % 2)}
            trial_id = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol").trial_id
            if state is not TrialState.PENDING:
                ledger.start_attempt(trial_id, "here", "cpu")
            for epoch, error in errors:
                ledger.record_epoch(trial_id, make_epoch(error, error, epoch=epoch, flipped_n=100 * epoch))
            if state.terminal:
                ledger.end_trial(trial_id, state)
    lasting, whole = open_study(tmp_path), open_study(tmp_path)
    ends = lasting.ledger.trials(epochs="last", details=False)
    assert [t.last for t in ends] == [t.last for t in whole.trials]
    assert [len(t.epochs) for t in ends] == [min(1, len(t.epochs)) for t in whole.trials]
    assert lasting.ledger.trial(ends[1].trial_id, epochs="last").epochs == ends[1].epochs
    pd.testing.assert_frame_equal(lasting.map_table(), whole.map_table())
    assert "trials" not in vars(lasting)
    assert len(lasting.map_table()) == 6
    points = [{"width": 0.3, "label_noise": 0.0}]
    pd.testing.assert_frame_equal(lasting.map.predict(points), whole.map.predict(points))
    assert "trials" not in vars(lasting), "nobody asked for every epoch"


def test_the_map_does_not_read_again_what_has_been_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(folder)
    assert study.trials

    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("read twice")

    monkeypatch.setattr(study.ledger, "trials", read)
    assert study.map
