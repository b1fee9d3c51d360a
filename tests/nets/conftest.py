from pathlib import Path

import pytest

from fitscape.study.config import DataConfig, StudyConfig, TrialConfig
from fitscape.study.data import SealedData, load
from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialState
from fitscape.study.training import Settings, run_trial


@pytest.fixture(scope="package")
def digits(tmp_path_factory: pytest.TempPathFactory) -> SealedData:
    return load(DataConfig(root=str(tmp_path_factory.mktemp("data")), limit=400))


@pytest.fixture(scope="package")
def study(tmp_path_factory: pytest.TempPathFactory, digits: SealedData) -> Path:
    """The folder of a study of two learning rates, the second the better one, trained as a driver would."""
    folder = tmp_path_factory.mktemp("runs") / "tens"
    folder.mkdir()
    base = TrialConfig().with_hyperparameters(
        {"architecture": "resnet20", "epochs": 3, "batch_size": 32, "width": 0.25}
    )
    config = StudyConfig(name="tens", data=digits.config, base=base)
    facts = {"data_fingerprint": digits.fingerprint, "chance_error": 0.9, "data": digits.summary()}
    with Ledger.create(folder / "ledger.db", config, facts) as ledger:
        for rate in (1e-4, 0.1):
            trial = ledger.add_trial(base.with_hyperparameters({"lr": rate}), {"lr": rate}, "enqueue")
            ledger.start_attempt(trial.trial_id, "here", "cpu")
            for progress in run_trial(trial.config, digits.trial_data, settings=Settings()):
                ledger.record_epoch(trial.trial_id, progress.record)
            ledger.end_trial(trial.trial_id, TrialState.FINISHED)
    return folder
