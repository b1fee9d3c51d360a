"""Every recipe runs the trials that its question needs: nothing here trains, the design alone is looked at."""

from collections import defaultdict

import pytest

from fitscape.study import recipes
from fitscape.study.config import TrialConfig
from fitscape.study.findings.double_descent import LEAST_SEEDS, LEAST_WIDTHS
from fitscape.study.regimes.depth import LEAST_RATES
from fitscape.study.search import Asker


def design(name: str, scale: recipes.Scale = "minutes", dataset: str | None = None) -> list[TrialConfig]:
    """The configuration of every trial, in the order they would be run."""
    asker = Asker(recipes.get(name, scale=scale, dataset=dataset), chance_error=0.9)
    asked = []
    while (suggestion := asker.ask()) is not None:
        asked.append(suggestion.config)
    return asked


@pytest.mark.parametrize("name", [n for n in recipes.names() if n not in ("quickstart", "regimes")])
def test_the_design_is_exhausted_by_the_number_of_trials(name: str) -> None:
    assert len(design(name)) == recipes.get(name).search.trials
    more = recipes.get(name).model_copy(
        update={"search": recipes.get(name).search.model_copy(update={"trials": 10**4})}
    )
    asker = Asker(more, chance_error=0.9)
    assert sum(1 for _ in iter(asker.ask, None)) == recipes.get(name).search.trials


def test_degradation_has_every_depth_at_three_rates_under_five_shared_seeds() -> None:
    runs: dict[str, set[tuple[float, int]]] = defaultdict(set)
    for config in design("degradation"):
        if config.data.train_fraction == 1:
            runs[config.model.name].add((config.optimization.lr, config.seed))
    assert {f"{family}{depth}" for family in ("plain", "resnet") for depth in (20, 32, 44, 56)} == runs.keys()
    assert len({frozenset(of_net) for of_net in runs.values()}) == 1
    rates, seeds = zip(*runs["plain20"], strict=True)
    assert len(set(rates)) >= LEAST_RATES
    assert len(set(seeds)) >= 5


def test_degradation_has_a_control_of_plain_nets_on_few_images() -> None:
    control = [c for c in design("degradation") if c.data.train_fraction < 1]
    assert {c.model.name for c in control} == {"plain20", "plain32"}
    assert {c.seed for c in control} == set(range(5))


def test_gradients_crosses_all_remedies_at_three_depths() -> None:
    runs: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for config in design("gradients"):
        runs[config.model.family, config.model.norm, config.model.init].add(config.model.depth)
    assert len(runs) == 2 * 3 * 3
    assert min(map(len, runs.values())) >= 3


def test_architectures_get_the_same_configurations_and_seeds() -> None:
    runs: dict[str, set[tuple[float, float, int]]] = defaultdict(set)
    for config in design("architectures"):
        runs[config.model.name].add((config.model.width, config.optimization.lr, config.seed))
    assert runs.keys() == {"resnet18", "plain18", "densenet121"}
    assert len({frozenset(of_net) for of_net in runs.values()}) == 1
    assert len({width for width, _, _ in runs["resnet18"]}) >= 3  # or error against size is no curve


def test_memorization_goes_from_true_to_random_labels() -> None:
    noise = {c.data.label_noise for c in design("memorization")}
    assert {0.0, 1.0} < noise


@pytest.mark.parametrize("scale", recipes.SCALES)
def test_double_descent_has_widths_and_seeds_enough_for_a_curve(scale: recipes.Scale) -> None:
    configs = design("double_descent", scale)
    for noise in {c.data.label_noise for c in configs}:
        cells = {(c.model.width, c.seed) for c in configs if c.data.label_noise == noise}
        assert len({w for w, _ in cells}) >= LEAST_WIDTHS
        assert len({s for _, s in cells}) >= LEAST_SEEDS
    assert {c.optimization.schedule for c in configs} == {"constant"}


def test_early_overfit_trains_at_a_constant_rate_with_and_without_noise() -> None:
    configs = design("early_overfit")
    assert {c.optimization.schedule for c in configs} == {"constant"}
    assert 0.0 in {c.data.label_noise for c in configs} != {0.0}


@pytest.mark.parametrize("dataset", ["digits", "fashion_mnist"])
@pytest.mark.parametrize("scale", recipes.SCALES)
@pytest.mark.parametrize("name", recipes.names())
def test_a_trial_on_little_data_takes_a_hundred_steps_all_the_same(
    name: str, scale: recipes.Scale, dataset: str
) -> None:
    for config in design(name, scale, dataset):
        if config.data.train_fraction < 1:
            assert config.optimization.steps_per_epoch is not None
            assert config.optimization.steps_per_epoch * config.optimization.epochs >= 100
