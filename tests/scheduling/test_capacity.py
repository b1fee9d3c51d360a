"""Cost of a trial before it has run, and how many share a card."""

import pytest

from fitscape.study.config import Choices, Range, StudyConfig, TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.scheduling.capacity import costliest, relative_cost
from fitscape.study.search.space import resolve

SHAPE = (1, 8, 8)


def cost(**hyperparameters: object) -> float:
    return relative_cost(TrialConfig().with_hyperparameters(hyperparameters), 1000, SHAPE, 10)


def test_cost_grows_with_epochs_data_width_and_depth() -> None:
    base = cost(width=0.25)
    assert cost(width=0.25, epochs=20) == pytest.approx(2 * base)
    assert cost(width=0.25, train_fraction=0.5) == pytest.approx(base / 2)
    assert cost(width=0.5) == pytest.approx(4 * base)
    assert cost(width=0.25, architecture="resnet34") > base
    assert cost(width=0.25, steps_per_epoch=1, batch_size=100) == pytest.approx(base / 10)


def test_a_network_of_timm_is_counted_as_it_is() -> None:
    assert cost(architecture="timm:resnet18") > cost(architecture="timm:resnet10t") > 0
    config = StudyConfig(name="s", space={"architecture": Choices(choices=("timm:test_resnet", "timm:resnet18"))})
    base = TrialConfig().with_hyperparameters({"architecture": "timm:test_resnet"})
    found = costliest(config.model_copy(update={"base": base}), resolve(config), [], SHAPE, 10)
    assert found.model.name == "timm:resnet18"


def test_the_costliest_trial_of_a_space_is_at_its_corner() -> None:
    config = StudyConfig(
        name="s",
        base=TrialConfig().with_hyperparameters({"width": 0.125}),
        space={
            "architecture": Choices(choices=("resnet18", "resnet34")),
            "width": Range(low=0.125, high=0.5),
            "batch_size": Choices(choices=(32, 64)),
        },
    )
    found = costliest(config, resolve(config), [], SHAPE, 10)
    assert (found.model.name, found.model.width, found.optimization.batch_size) == ("resnet34", 0.5, 64)
    heavier = TrialConfig().with_hyperparameters({"width": 2.0, "batch_size": 512})
    assert costliest(config, resolve(config), [heavier], SHAPE, 10) == heavier


def test_a_study_of_nets_that_the_images_cannot_feed_is_refused() -> None:
    config = StudyConfig(name="s", base=TrialConfig().with_hyperparameters({"stem": "imagenet"}))
    with pytest.raises(UserError, match=r"base.model: 8x8 images are too small for resnet18"):
        costliest(config, {}, [], SHAPE, 10)


def test_where_only_some_nets_can_be_built_the_others_stand_for_the_study() -> None:
    config = StudyConfig(name="s", base=TrialConfig().with_hyperparameters({"width": 0.125}))
    hopeless = config.base.with_hyperparameters({"stem": "imagenet", "width": 2.0})
    assert costliest(config, {}, [hopeless], SHAPE, 10) == config.base
