"""Operations of a trial, and seconds learned from trials that were timed."""

import numpy as np
import pytest

from fitscape.study.config import TrialConfig
from fitscape.study.search.cost import CostModel, Work

WORK = Work(1000, 200, 300, (1, 8, 8), 10)
RATE = {"resnet18": 2e9, "plain18": 3e9, "densenet121": 0.5e9}


def trial(**hyperparameters: object) -> TrialConfig:
    return TrialConfig().with_hyperparameters({"epochs": 4, **hyperparameters})


def seconds(config: TrialConfig) -> float:
    """Of an epoch: each family has its own speed, and wide nets use a core better."""
    return WORK.epoch(config) / RATE[config.model.name] * config.model.width**-0.3


def points(count: int, seed: int) -> list[TrialConfig]:
    rng = np.random.default_rng(seed)
    return [
        trial(
            architecture=str(rng.choice(list(RATE))),
            width=float(np.exp(rng.uniform(np.log(0.125), 0))),
            train_fraction=float(np.exp(rng.uniform(np.log(0.05), 0))),
            seed=i,
        )
        for i in range(count)
    ]


def test_an_epoch_is_its_steps_and_its_evaluation() -> None:
    small, large = trial(width=0.25, train_fraction=0.1), trial(width=0.25)
    each = WORK.trial(large) / (4 * (3 * 1000 + WORK.evaluated(large)))
    assert WORK.trial(small) == pytest.approx(4 * each * (3 * 100 + 100 + 300 + 64))


@pytest.mark.parametrize(("timed", "within"), [(12, 1.35), (40, 1.15)])
def test_what_trials_take_is_learned_from_a_few(timed: int, within: float) -> None:
    model, rng = CostModel(WORK), np.random.default_rng(1)
    assert not model.known
    for config in points(timed, 0):
        model.learn(config, seconds(config) * float(np.exp(rng.normal(0, 0.1))))
    new = points(60, 9)
    told, sd = model.epoch(new)
    ratio = told / np.array([seconds(config) for config in new])
    assert float(np.quantile(np.maximum(ratio, 1 / ratio), 0.9)) < within
    assert float((np.abs(np.log(ratio)) < 1.64 * sd).mean()) > 0.85


def test_a_few_timed_steps_give_way_to_trials() -> None:
    model = CostModel(WORK)
    for config in points(6, 0):
        model.learn(config, 3 * seconds(config), 0.25)  # of a busy machine
    told, _ = model.epoch(points(20, 9))
    assert float(np.median(told / [seconds(c) for c in points(20, 9)])) == pytest.approx(3, rel=0.3)
    for config in points(40, 3):
        model.learn(config, seconds(config))
    told, _ = model.epoch(points(20, 9))
    assert float(np.median(told / [seconds(c) for c in points(20, 9)])) == pytest.approx(1, rel=0.2)


def test_a_rough_estimate_counts_less_than_a_measured_trial() -> None:
    model = CostModel(WORK)
    for seed in range(3):
        model.learn(trial(seed=seed), 1.0)
        model.learn(trial(seed=seed + 3), 2.0, noise=1.0)
    (told,), _ = model.epoch([trial(seed=9)])
    assert 1.0 < told < 1.2, "and not the mean, 1.41"


def test_what_a_batch_size_costs_is_learned() -> None:
    model = CostModel(WORK)
    sizes = (16, 24, 32, 64, 96, 128, 192, 256)
    for seed in range(3):
        for size in sizes:
            config = trial(batch_size=size, seed=seed)
            model.learn(config, WORK.epoch(config) / 1e9 * size**-0.4)
    new = [trial(batch_size=size, seed=9) for size in (20, 48, 200)]
    told, _ = model.epoch(new)
    assert told == pytest.approx([WORK.epoch(c) / 1e9 * c.optimization.batch_size**-0.4 for c in new], rel=0.1)


def test_a_time_that_is_no_number_teaches_nothing() -> None:
    model = CostModel(WORK)
    model.learn(trial(), float("nan"))
    model.learn(trial(), 0.0)
    model.learn(trial(), -1.0)
    assert not model.known


def test_the_operations_of_a_timed_trial_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, epoch = list[str](), Work.epoch

    def noted(work: Work, config: TrialConfig) -> float:
        counted.append(config.trial_id)
        return epoch(work, config)

    monkeypatch.setattr(Work, "epoch", noted)
    model, new = CostModel(WORK), trial(seed=99)
    for config in points(20, 0):
        model.learn(config, 1.0)
    model.epoch([new])
    model.learn(points(1, 3)[0], 1.0)
    model.learn(points(1, 0)[0], 2.0)  # more of its epochs have ended
    model.epoch([new])
    assert len(counted) == 20 + 1 + 2, "one for each of the trials, and for what is asked each time"
