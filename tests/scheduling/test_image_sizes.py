"""Sizes of images that a study searches."""

from typing import Any

import pytest

from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.scheduling.capacity import costliest
from fitscape.study.scheduling.card_memory import DataShape
from fitscape.study.scheduling.image_sizes import require_sizes
from fitscape.study.search.cost import Work
from fitscape.study.search.space import resolve

SHAPE = DataShape(image=(1, 8, 8), classes=10, train=20, validation=20, probe_size=50)


def study(size: dict[str, Any], **changed: Any) -> StudyConfig:
    return StudyConfig.model_validate({"name": "sized", "space": {"image_size": size}, **changed})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (study({"low": 6, "high": 16}), "image_size: 16 px are asked for, and the images are prepared at 8 px"),
        (study({"choices": [6, 8]}, enqueue=[{"image_size": 12}]), "12 px are asked for"),
        (study({"low": 4, "high": 8}), "4x4 images are too small for resnet18"),
    ],
)
def test_what_no_trial_could_be_given_is_refused_before_the_start(config: StudyConfig, expected: str) -> None:
    with pytest.raises(UserError) as refused:
        require_sizes(config, resolve(config), SHAPE.made_up())
    assert expected in str(refused.value)


def test_the_costliest_trial_has_the_largest_images_and_costs_follow_the_size() -> None:
    config = study({"low": 5, "high": 8})
    require_sizes(config, resolve(config), SHAPE.made_up())
    found = costliest(config, resolve(config), (), SHAPE.image, SHAPE.classes)
    assert found.data.image_size in (8, None)  # the base has the images as they are
    work = Work(100, 50, 50, (3, 32, 32), 10)
    small, large = (work.epoch(config.base.with_hyperparameters({"image_size": size})) for size in (16, 32))
    assert 3 < large / small < 4.5
    assert large == work.epoch(config.base)
