"""A study read from its folder."""

from pathlib import Path

import pytest
from hand_made import make_epoch

from fitscape.study.config import Choices, Range, StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState

SPACE = {"width": Range(low=0.125, high=1), "label_noise": Choices(choices=(0.0, 0.2))}
PREDICTED = {"label": "overfit", "train_error": 0.02, "val_error": 0.3, "train_sd": 0.2, "val_sd": 0.1}


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
            extra = {"predicted": PREDICTED} if state is TrialState.STOPPED else {}
            ledger.end_trial(trial_id, state, **extra)
    return tmp_path


def test_a_stopped_trial_is_on_the_map_with_the_forecast_of_its_end(folder: Path) -> None:
    finished, stopped = open_study(folder).map_table().to_dict("records")
    assert (finished["train_error"], finished["val_error"], finished["val_n"]) == (0.6, 0.62, 2000)
    assert {name: stopped[name] for name in PREDICTED if name != "label"} == {
        name: value for name, value in PREDICTED.items() if name != "label"
    }
    assert not stopped["diverged"]


def test_a_forecast_counts_less_than_a_measured_end(folder: Path) -> None:
    known = open_study(folder).map.fields.val.known
    assert known[1] > known[0] > 0


def test_label_noise_as_a_hyperparameter_keeps_its_value_beside_the_share_of_labels_that_flipped(folder: Path) -> None:
    study = open_study(folder)
    table = study.map_table()
    assert table["label_noise"].tolist() == [0.2, 0.2]
    assert table["flip_rate"].tolist() == [0.184, 0.184]
    assert (
        study.map.encoder.features(table)[0].tolist()
        != study.map.encoder.features(table.assign(label_noise=0.0))[0].tolist()
    )
