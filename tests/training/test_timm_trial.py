"""A network of timm is trained, measured and taken up again as our own are."""

import pytest

from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Settings, run_trial


@pytest.fixture
def config() -> TrialConfig:
    hyperparameters = {
        "architecture": "timm:test_resnet",
        "epochs": 2,
        "steps_per_epoch": 8,
        "batch_size": 64,
        "dropout": 0.1,
    }
    return TrialConfig().with_hyperparameters(hyperparameters)


def test_it_learns_and_every_layer_has_its_gradient(digits: TrialData, config: TrialConfig) -> None:
    first, last = run_trial(config, digits, settings=Settings())
    assert last.record.train_loss < first.record.train_loss
    (profile, *_) = last.record.gradients  # not the start: timm's blocks begin switched off (zero_init_last)
    assert len(profile.layers) > 5
    assert min(profile.gradient_norms) > 0
    assert last.size.parameters > 100_000
    assert not last.diverged


@pytest.mark.parametrize("layout", ["nchw", "channels_last"])
def test_a_resumed_trial_gives_the_same_numbers(digits: TrialData, config: TrialConfig, layout: str) -> None:
    settings = Settings(memory_format=layout)  # type: ignore[arg-type]
    trial = run_trial(config, digits, settings=settings)
    checkpoint = next(trial).checkpoint()
    whole = next(trial).record
    (resumed,) = run_trial(config, digits, settings=settings, checkpoint=checkpoint)
    assert (resumed.record.train_loss, resumed.record.val_loss) == (whole.train_loss, whole.val_loss)
