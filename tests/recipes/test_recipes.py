"""Every recipe is a valid study at every scale, on any data set."""

import pytest

from fitscape.study import recipes
from fitscape.study.errors import UserError
from fitscape.study.search import Asker


@pytest.mark.parametrize("scale", recipes.SCALES)
@pytest.mark.parametrize("name", recipes.names())
def test_recipe_gives_a_study_whose_first_trials_can_be_asked(name: str, scale: recipes.Scale) -> None:
    config = recipes.get(name, scale=scale, dataset="fashion_mnist")
    assert config.recipe == name
    assert config.data.dataset == "fashion_mnist"
    asker = Asker(config, chance_error=0.9)
    first = [asker.ask() for _ in range(min(20, config.search.trials))]
    assert all(s is not None for s in first)
    assert len({s.config.trial_id for s in first if s}) == len(first)


@pytest.mark.parametrize("scale", recipes.SCALES)
@pytest.mark.parametrize("name", recipes.names())
def test_digits_are_for_minutes_and_cards_get_cifar10(name: str, scale: recipes.Scale) -> None:
    config = recipes.get(name, scale=scale)
    assert config.data.dataset == ("digits" if scale == "minutes" else "cifar10")
    assert config.resources.gpus_per_trial == "auto"


@pytest.mark.parametrize("name", recipes.names())
def test_docstring_holds_command_time_and_expected_numbers(name: str) -> None:
    from importlib import import_module

    doc = import_module(f"fitscape.study.recipes.{name}").__doc__ or ""
    assert all(f"\n{word}: " in doc for word in ("Command", "Time", "Expected"))
    assert f"fitscape run {name}" in doc


def test_unknown_recipe_is_refused_with_the_valid_names() -> None:
    with pytest.raises(UserError, match=r"no recipe 'quikstart' \(choose quickstart"):
        recipes.get("quikstart")


@pytest.mark.parametrize("dataset", ["folder:photos", "csv:photos.csv", "hf:photos"])
def test_photos_of_your_own_stay_large_enough_to_see_and_search_the_rate(dataset: str) -> None:
    config = recipes.get("regimes", dataset=dataset)
    assert config.data.image_size == 32
    assert "lr" in config.space
    assert "lr" not in recipes.get("regimes", dataset="fashion_mnist").space
