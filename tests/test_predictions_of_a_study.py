"""What a study's trials said of its images, in Python and in the report."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hand_made import make_epoch
from sklearn.metrics import confusion_matrix

from fitscape.study.config import Range, StudyConfig
from fitscape.study.data.pictures import thumbnail
from fitscape.study.driver.ending import labels_and_report
from fitscape.study.driver.folder import Folder
from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.opened import OpenStudy, open_study
from fitscape.study.records import ImageSet, Predictions, TrialState
from fitscape.study.report.sections.images import images
from fitscape.study.report.subject import Subject

CLASSES = ("cat", "dog", "eel")
LABELS = np.repeat([0, 1, 2], [120, 60, 20]).astype(np.uint16)
MISLABELLED = (3, 7)  # cats that every net calls dogs
PROVENANCE = {
    "data_fingerprint": "abc",
    "chance_error": 0.4,
    "data": {"classes": list(CLASSES), "images_by_class": {"train": [480, 240, 80], "validation": [120, 60, 20]}},
}


def said(seed: int) -> Predictions:
    """Right but for the mislabelled, half of the eels, and an image without a class."""
    classes = LABELS.copy()
    classes[list(MISLABELLED)] = 1
    eels = np.flatnonzero(LABELS == 2)
    classes[np.random.default_rng(seed).choice(eels, 10, replace=False)] = 0
    classes[100] = 3
    confidences = np.where(classes == 3, 0, 0.8).astype(np.float32)
    return Predictions(classes=classes, confidences=confidences)


@pytest.fixture
def study(tmp_path: Path) -> OpenStudy:
    config = StudyConfig(name="seen", space={"width": Range(low=0.125, high=1)})
    images = ImageSet(
        hashes=np.arange(200, dtype=np.uint64), labels=LABELS, names=tuple(f"shot{i}.png" for i in range(200))
    )
    with Ledger.create(tmp_path / "ledger.db", config, PROVENANCE) as ledger:
        ledger.put_images({"validation": images})
        for seed in range(4):
            trial_id = ledger.add_trial(config.base.with_hyperparameters({"seed": seed}), {}, "sobol").trial_id
            ledger.start_attempt(trial_id, "here", "cpu")
            predictions = said(seed)
            error = float((predictions.classes != LABELS).mean())
            ledger.record_epoch(trial_id, make_epoch(0.0, error, val_n=200))
            ledger.end_trial(trial_id, TrialState.FINISHED, predictions=predictions)
        ledger.add_trial(config.base.with_hyperparameters({"seed": 9}), {}, "sobol")
    return open_study(tmp_path)


def test_predictions_are_a_row_per_image_and_count_to_the_recorded_error(study: OpenStudy) -> None:
    trial = study.trials[0]
    frame = study.predictions(trial.trial_id)
    assert frame.loc[3, ["image", "label", "predicted"]].tolist() == ["shot3.png", "cat", "dog"]
    assert pd.isna(frame.loc[100, "predicted"])
    assert (frame["label"] != frame["predicted"]).mean() == trial.epochs[-1].val_error
    assert frame["hash"].is_unique
    assert frame["probability"].between(0, 1).all()


def test_confusion_is_that_of_scikit_learn(study: OpenStudy) -> None:
    trial_id = study.trials[0].trial_id
    known = said(0).classes < 3
    expected = confusion_matrix(LABELS[known], said(0).classes[known])
    assert (study.confusion(trial_id).to_numpy() == expected).all()


def test_a_trial_that_has_not_ended_has_no_predictions(study: OpenStudy) -> None:
    with pytest.raises(UserError, match="has no predictions"):
        study.predictions(study.trials[-1].trial_id)
    with pytest.raises(KeyError):
        study.predictions("nobody")


def test_labels_that_every_good_net_contradicts_are_suspected(study: OpenStudy) -> None:
    assert {s.image for s in study.suspects} >= set(MISLABELLED)
    assert all(LABELS[s.image] == 2 for s in study.suspects if s.image not in MISLABELLED)


def test_the_end_of_a_run_keeps_pictures_of_suspects_for_the_report(
    study: OpenStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitscape.study.report.build", lambda folder, study: folder)
    shown = torch.arange(200, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 8, 8)
    labels_and_report(Folder(study.folder), 4, SimpleNamespace(held_out=shown))
    rows = {row["image"]: row["picture"] for row in images(Subject(study))["suspects"]}
    assert rows["shot7.png"] == thumbnail(shown[7].numpy()) != rows["shot3.png"]


def test_the_report_names_the_class_that_fails_and_the_files_of_suspects(study: OpenStudy) -> None:
    found = images(Subject(study))
    assert found["fails"] == ["eel"]
    assert found["rows"][0]["name"] == "eel"
    assert found["rows"][0]["taken"] == "cat (10)"
    assert {"shot3.png", "shot7.png"} <= {row["image"] for row in found["suspects"]}
    assert found["share"].endswith("of the 13 errors of the best trial")
