"""What is said of a study before its first trial."""

import numpy as np
import pytest

from fitscape.study import recipes
from fitscape.study.config import Choices, Range, StudyConfig, TrialConfig
from fitscape.study.scheduling.estimate import describe, side_by_side, spoken, to_time, typical
from fitscape.study.search.asker import Asker
from fitscape.study.search.cost import Work
from fitscape.study.search.space import resolve

WORK = Work(1000, 200, 300, (1, 8, 8), 10)


def test_every_architecture_is_timed_in_a_narrow_and_in_a_wide_net() -> None:
    config = recipes.get("quickstart")
    nets = [(trial.model.name, round(trial.model.width, 2)) for trial in to_time(config, resolve(config))]
    searched = {(name, width) for name in ("resnet18", "plain18", "densenet121") for width in (0.18, 0.35)}
    assert set(nets) == searched | {(name, 0.5) for name in ("plain20", "plain56", "resnet20", "resnet56")}
    assert len(nets) == len(set(nets))


@pytest.mark.parametrize(
    ("space", "widths"),
    [
        ({}, [1.0]),
        ({"width": Range(low=0.5, high=0.5)}, [1.0]),
        ({"width": Choices(choices=(0.25, 0.5, 2.0))}, [0.25, 2.0]),
        ({"width": Range(low=0.2, high=1.0)}, [0.4, 0.8]),
    ],
)
def test_a_study_without_a_range_of_widths_is_timed_as_it_is(space: dict[str, object], widths: list[float]) -> None:
    config = StudyConfig(name="s", space=space)
    assert [trial.model.width for trial in to_time(config, resolve(config))] == pytest.approx(widths)


def timed(config: TrialConfig, seconds: float) -> list[object]:
    """As if an epoch of it took so long: a step's image costs three times what an evaluation's does."""
    each = seconds / (3 * WORK.seen(config) + WORK.evaluated(config))
    return [config.model_dump(mode="json"), 3 * each, each]


def test_the_whole_is_what_all_trials_take_in_the_slots_there_are() -> None:
    base = TrialConfig().with_hyperparameters({"epochs": 5, "width": 0.25})
    config = StudyConfig(name="s", base=base, search={"trials": 40})
    said = describe(config, WORK, [timed(base, 2.0)], 4, 40)
    assert said == "about 10 s per trial, 1.5 min for 40 trials, 4 at a time"
    assert describe(config, WORK, [timed(base, 2.0)], 4, 2).endswith("10 s for 2 trials, 2 at a time")
    assert describe(config, WORK, [timed(base, 2.0)], 0, 1).endswith("10 s for the one trial")
    assert describe(config, WORK, [], 4, 40) == describe(config, WORK, [timed(base, 2.0)], 4, 0) == ""


@pytest.mark.parametrize(
    ("per_card", "mps", "slower"), [(0, False, 1), (1, True, 1), (16, False, 16), (4, True, 1.54), (16, True, 4.3)]
)
def test_trials_that_share_a_card_take_turns_and_under_mps_gain_what_was_measured(
    per_card: int, mps: bool, slower: float
) -> None:
    (shared,) = side_by_side([timed(TrialConfig(), 2.0)], per_card, mps=mps)
    (alone,) = [timed(TrialConfig(), 2.0)]
    assert shared[0] == alone[0]
    assert [a / b for a, b in zip(shared[1:], alone[1:], strict=True)] == pytest.approx([slower] * 2, rel=0.01)


def test_enqueued_trials_count_as_they_are() -> None:
    base = TrialConfig().with_hyperparameters({"epochs": 5, "width": 0.25})
    points = ({"epochs": 45}, {"epochs": 45, "seed": 1})
    config = StudyConfig(name="s", base=base, enqueue=points, search={"trials": 4})
    said = describe(config, WORK, [timed(base, 2.0)], 2, 4)
    assert said == "about 50 s per trial, 1.5 min for 4 trials, 2 at a time"


def test_typical_trials_are_an_even_sample_of_the_space() -> None:
    config = StudyConfig(name="s", space={"width": Range(low=0.125, high=1.0, log=True)})
    widths = [trial.model.width for trial in typical(config, resolve(config))]
    assert len(widths) == 64
    assert sum(width < 0.354 for width in widths) == 32
    assert typical(StudyConfig(name="s"), {}) == [TrialConfig()]


def test_of_a_design_the_trials_that_it_begins_with_are_counted() -> None:
    """Eighteen trials of a grid with five seeds are four of its configurations, which are not an even sample."""
    config = recipes.get("architectures")
    few = config.model_copy(update={"search": config.search.model_copy(update={"trials": 18})})
    asker, asked = Asker(few, chance_error=0.9), []
    while (suggestion := asker.ask()) is not None:
        asked.append(suggestion.config.model)
    assert [trial.model for trial in typical(few, resolve(few), 18)] == asked


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.4 s"), (7.4, "7 s"), (9.7, "10 s"), (12.3, "12 s"), (44, "40 s"), (110, "2 min"), (9000, "2.5 h")],
)
def test_an_estimate_has_no_more_digits_than_it_knows(seconds: float, text: str) -> None:
    assert spoken(seconds) == text


def test_the_rounding_of_an_estimate_takes_a_seventh_of_it_at_most() -> None:
    for seconds in np.geomspace(0.95, 50_000, 2000):
        number, unit = spoken(seconds).split()
        assert float(number) * {"s": 1, "min": 60, "h": 3600}[unit] == pytest.approx(seconds, rel=1 / 6.9)
