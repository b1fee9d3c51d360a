"""A study whose seeds are folds, from trained nets to its report, without a driver."""

from collections.abc import Iterator

import pytest

from fitscape.study.comparing.held_out import held_out
from fitscape.study.config import StudyConfig
from fitscape.study.data import SealedData, load
from fitscape.study.driver.preparing import write_down
from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.nets.make import make_net
from fitscape.study.opened import OpenStudy, open_study
from fitscape.study.records import TrialState
from fitscape.study.report.sections.images import images
from fitscape.study.report.subject import Subject
from fitscape.study.training import Settings, run_trial
from fitscape.study.training.retrain import evaluate_again

FOLDS, SEEDS = 3, 4


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> SealedData:
    root = str(tmp_path_factory.mktemp("digits"))
    return load(config(root).data)


def config(root: str) -> StudyConfig:
    return StudyConfig.model_validate(
        {
            "name": "folded",
            "data": {"limit": 240, "folds": FOLDS, "probe_size": 50, "root": root},
            "base": {
                "model": {"family": "plain", "depth": 18, "width": 0.125},
                "optimization": {"epochs": 2, "steps_per_epoch": 12, "batch_size": 32},
            },
            "space": {"lr": {"low": 0.01, "high": 0.3, "log": True}},
        }
    )


@pytest.fixture(scope="module")
def study(digits: SealedData, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenStudy]:
    folder, asked = tmp_path_factory.mktemp("runs") / "folded", config(digits.config.root or "")
    folder.mkdir()
    data = digits.trial_data
    facts = {"data_fingerprint": data.fingerprint, "chance_error": data.chance_error("error"), "data": digits.summary()}
    with Ledger.create(folder / "ledger.db", asked, facts) as ledger:
        write_down(digits, ledger)
        for seed in range(SEEDS):
            trial = ledger.add_trial(asked.base.with_hyperparameters({"lr": 0.1, "seed": seed}), {"lr": 0.1}, "sobol")
            ledger.start_attempt(trial.trial_id, "here", "cpu")
            for progress in run_trial(trial.config, data, settings=Settings()):
                ledger.record_epoch(trial.trial_id, progress.record)
            ledger.end_trial(trial.trial_id, TrialState.FINISHED, predictions=progress.predictions)
    with open_study(folder) as opened:
        yield opened


def test_a_trial_is_measured_on_its_fold_and_says_so_of_each_image(study: OpenStudy, digits: SealedData) -> None:
    assert study.validation is not None
    names = []
    for trial in study.recorded:
        said = study.predictions(trial.trial_id)
        fold = digits.trial_data.of_seed(trial.config.seed)
        assert said["label"].tolist() == [str(label) for label in fold.val_labels.tolist()]
        assert (said["label"] != said["predicted"]).mean() == pytest.approx(trial.epochs[-1].val_error)
        assert study.confusion(trial.trial_id).to_numpy().sum() == len(fold.val_labels)
        names.append(set(said["hash"]))
    assert names[0] == names[3] != names[1]
    assert set.union(*names) == {f"{one:016x}" for one in study.validation.hashes}
    assert len(study.validation.hashes) == sum(map(len, names[:3]))


def test_labels_count_folds_for_less_than_independent_seeds(study: OpenStudy) -> None:
    assert study.config.data.overlap == pytest.approx(1 / 2)
    assert len(study.labels) == SEEDS
    assert study.context.overlap == study.config.data.overlap


def test_the_report_counts_the_images_of_the_best_trials_fold(study: OpenStudy, digits: SealedData) -> None:
    found = images(Subject(study))
    best = study.recorded[found["best"]]
    assert sum(row["validation"] for row in found["rows"]) == len(
        digits.trial_data.of_seed(best.config.seed).val_labels
    )


def test_a_net_trained_again_is_the_trials(study: OpenStudy, digits: SealedData) -> None:
    trial = study.recorded[1]
    fold = digits.trial_data.of_seed(1)
    again = evaluate_again(trial.config, digits.trial_data, fold.val_images, fold.val_labels, settings=Settings())
    assert again.record.val_error == trial.epochs[-1].val_error == again.results.error()


def test_an_ensemble_of_folds_is_refused_as_nothing_could_measure_it(study: OpenStudy) -> None:
    with pytest.raises(UserError, match="validate on different folds"):
        make_net(study.folder, study.recorded[0], seeds=2)


def test_a_comparison_says_that_no_image_is_held_out_by_both(study: OpenStudy) -> None:
    found = held_out(study, study)
    assert not found.paired
    assert found.sentence.startswith("A study in folds trains on each of its images")
