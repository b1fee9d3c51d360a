"""Ids of trials outlive releases: what is hashed, and what a config means that was stored before a field came."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from fitscape.models.spec import ModelSpec
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.ledger import Ledger
from fitscape.study.reading import load_config
from fitscape.study.reading.document import dump
from fitscape.study.releases import FROZEN, FROZEN_ALONE, study_as_stored, trial_as_stored

# Ids that 0.1.0 gave: to the default trial, and to one with a hyperparameter of each section.
DEFAULT_0_1_0 = "a9c2e2d67dec"
OTHER_0_1_0 = "4b77136619fb"
OTHER = {"architecture": "plain20", "width": 0.5, "train_fraction": 0.3, "lr": 0.01, "seed": 7}


def test_what_0_1_0_did_is_frozen() -> None:
    assert FROZEN == {
        "evaluation": {"batch_norm": "running"},
        "model": {"keywords": {}, "weights": "none"},
        "optimization": {
            **{"warmup_epochs": 0.0, "freeze": 0, "head_lr_ratio": 1.0, "layer_decay": 1.0, "bn": "train"},
            **{"class_weights": "none", "label_smoothing": 0.0, "loss": "cross_entropy"},
        },
        "theirs": {},
        "data": {
            **{"crop_scale": 1.0, "rotation": 0.0, "colour_jitter": 0.0, "rand_augment": 0.0},
            **{"mixup": 0.0, "cutmix": 0.0, "image_size": None},
        },
    }
    assert FROZEN_ALONE == {"trial": None}


@pytest.mark.parametrize(("hyperparameters", "expected"), [({}, DEFAULT_0_1_0), (OTHER, OTHER_0_1_0)])
def test_a_trial_as_0_1_0_ran_it_has_the_id_of_0_1_0(hyperparameters: dict[str, object], expected: str) -> None:
    as_it_was = TrialConfig().with_hyperparameters({**hyperparameters, "batch_norm": "running"})
    assert as_it_was.trial_id == expected
    as_it_is = TrialConfig().with_hyperparameters(hyperparameters)
    assert as_it_is.evaluation.batch_norm == "reestimated"
    assert as_it_is.trial_id != expected
    assert as_it_is.group_id != as_it_was.group_id


def test_a_config_stored_without_a_later_field_means_what_0_1_0_did() -> None:
    stored = TrialConfig().model_dump(mode="json")
    assert TrialConfig.model_validate(trial_as_stored(stored)) == TrialConfig()
    del stored["evaluation"]
    assert TrialConfig.model_validate(trial_as_stored(stored)).trial_id == DEFAULT_0_1_0


def without_later_fields(config: StudyConfig) -> dict[str, object]:
    stored = config.model_dump(mode="json")
    del stored["base"]["evaluation"]
    return stored


def test_a_ledger_and_a_folder_of_0_1_0_keep_running_statistics(tmp_path: Path) -> None:
    config = StudyConfig(name="old")
    old = without_later_fields(config)
    with Ledger.create(tmp_path / "ledger.db", config, {}) as ledger:
        ledger.add_trial(config.base, {}, "sobol")
        with ledger._database.write() as connection:
            connection.execute("UPDATE study SET config = ?", (json.dumps(old),))
            connection.execute("UPDATE trials SET config = ?", (json.dumps(old["base"]),))
        (tmp_path / "study.yaml").write_text(dump(old))
        assert ledger.config == load_config(tmp_path / "study.yaml", frozen=True)
        assert ledger.config.base.evaluation.batch_norm == "running"
        assert ledger.trials()[0].config.trial_id == DEFAULT_0_1_0
    # A new study from the same file is a new study.
    assert load_config(tmp_path / "study.yaml").base.evaluation.batch_norm == "reestimated"


@pytest.mark.parametrize(
    ("model", "later", "of_resnet20", "of_resnet18"),
    [
        (ModelSpec(), False, "identity", "projection"),  # 0.1.0 wrote projection where nobody had asked for it
        (ModelSpec(depth=20, shortcut="projection"), False, "projection", "projection"),
        (ModelSpec(shortcut="projection"), True, "projection", "projection"),
        (ModelSpec(), True, "identity", "projection"),
    ],
)
def test_a_stored_shortcut_is_that_of_other_nets_only_where_it_was_asked_for(
    model: ModelSpec, later: bool, of_resnet20: str, of_resnet18: str
) -> None:
    study = StudyConfig(name="s", base=TrialConfig(model=model))
    stored = study.model_dump(mode="json")
    if not later:
        del stored["base"]["evaluation"]
        stored["base"]["model"]["shortcut"] = model.shortcut
    base = StudyConfig.model_validate(study_as_stored(stored)).base
    trials = [base.with_hyperparameters({"architecture": name}) for name in ("resnet20", "resnet18", "plain18")]
    assert [trial.model.shortcut for trial in trials] == [of_resnet20, of_resnet18, "none"]


def test_weights_count_by_their_content_and_not_by_where_they_lie() -> None:
    here, there, other = (
        TrialConfig().with_hyperparameters({"weights": name}).trial_id
        for name in ("/a/w.pth@0123456789abcdef", "study:a@0123456789abcdef", "/a/w.pth@0123456789abcde0")
    )
    assert here == there
    assert len({here, other, TrialConfig().trial_id}) == 3


@pytest.mark.parametrize(
    "study",
    [
        {"base": {"optimization": {"loss": "my.py:focal", "label_smoothing": 0.1}}},
        {"base": {"optimization": {"loss": "my.py:focal"}}, "space": {"class_weights": {"choices": ["balanced"]}}},
        {"base": {"optimization": {"class_weights": "balanced"}}, "enqueue": [{"loss": "my.py:focal"}]},
    ],
)
def test_what_an_own_loss_would_not_see_is_refused(study: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="acts on cross_entropy only"):
        StudyConfig.model_validate({"name": "s", **study})


def test_ids_are_kept_and_a_copy_has_its_own() -> None:
    config = TrialConfig()
    plain, one, group = pickle.dumps(TrialConfig()), config.trial_id, config.group_id
    changed = config.model_copy(update={"seed": 3})
    assert changed.trial_id == config.with_hyperparameters({"seed": 3}).trial_id != one
    assert changed.group_id == group == one
    assert config == TrialConfig() == pickle.loads(pickle.dumps(config))
    assert config.model_dump() == pickle.loads(plain).model_dump()
