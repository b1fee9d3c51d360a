"""What was run outside of the searched space, or measured no worse for less, is named beside the recommendation."""

from types import SimpleNamespace
from typing import Any

from hand_made import make_epoch, make_trial
from optuna.distributions import CategoricalDistribution

from fitscape.study.config import TrialConfig
from fitscape.study.records import GradientProfile, ModelSize, Regime, TrialRecord
from fitscape.study.report import language
from fitscape.study.report.sections.cheaper_runs import cheaper_runs
from fitscape.study.report.sections.gradients import _named, _zero
from fitscape.study.report.sections.outside import outside
from fitscape.study.report.sections.recommendation import _added, _gap

KOREAN = language.catalogue("ko")
SPACE = {"architecture": CategoricalDistribution(["resnet18"]), "width": CategoricalDistribution([0.25, 0.5])}


def run(net: str, width: float, seed: int, val: float, size: int) -> TrialRecord:
    return make_trial(
        {"architecture": net, "width": width, "seed": seed},
        make_epoch(0.01, val),
        number=100 * size + seed,
        size=ModelSize(parameters=1000 * size, flops=2000 * size),
    )


def studied(*trials: TrialRecord) -> Any:
    inside = [t.config.model.name == "resnet18" for t in trials]
    labels = {t.trial_id: SimpleNamespace(regime=Regime.GOOD) for t in trials}
    return SimpleNamespace(
        trials=trials,
        inside=inside,
        labels=labels,
        space=SPACE,
        config=SimpleNamespace(base=TrialConfig()),
        hyperparameter=lambda t, name: t.config.model.name if name == "architecture" else t.config.flattened[name],
        point=lambda t: {"architecture": t.config.model.name, "width": t.config.model.width},
    )


TRIALS = [
    *(run("resnet18", 0.5, seed, val, 40) for seed, val in enumerate((0.04, 0.05))),
    *(run("resnet18", 0.25, seed, val, 10) for seed, val in enumerate((0.03, 0.05))),
    *(run("plain20", 0.5, seed, 0.08, 5) for seed in range(2)),
    *(run("resnet20", 0.5, seed, 0.06, 5) for seed in range(2)),
]


def test_trials_outside_of_the_space_are_named_by_what_puts_them_there_with_the_best_of_them() -> None:
    found = outside(studied(*TRIALS))
    assert found is not None
    assert (found["n"], found["of"], found["by"]) == (4, 8, "architecture plain-20, ResNet20")
    assert (found["best"]["net"], found["best"]["error"]) == ("ResNet20", "6.0\u00a0% in each run")
    assert outside(studied(*TRIALS[:4])) is None
    said = f"{found['n']} of the {found['of']} trials lie outside of the searched space ({found['by']})"
    assert KOREAN(f"{said}: they were no candidates.").startswith("시도 8개 중 4개는")


def test_runs_that_cost_less_are_named_where_they_measured_no_worse_or_lie_outside() -> None:
    """Of equally cheap ones the better; one inside that measured worse is none."""
    expense: Any = SimpleNamespace(
        spent=lambda point: SimpleNamespace(seconds=1.1), counts=lambda point: (40_000, 80_000)
    )
    point = {"architecture": "resnet18", "width": 0.5}
    rows = cheaper_runs(studied(*TRIALS), point, 0.045, expense)
    assert [(row["net"], row["inside"], row["less"]) for row in rows] == [
        ("ResNet18", True, "fewer parameters, fewer operations"),
        ("ResNet20", False, "fewer parameters, fewer operations"),
    ]
    worse = [*TRIALS[:2], *(run("resnet18", 0.25, seed, 0.06, 10) for seed in range(2))]
    assert cheaper_runs(studied(*worse), point, 0.045, expense) == []


def test_gradients_that_are_zero_in_every_layer_have_vanished_and_were_measured() -> None:
    def profile(*norms: float) -> GradientProfile:
        return GradientProfile(step=0, layers=("first", "last"), gradient_norms=norms, weight_norms=(1.0, 1.0))

    assert _named([profile(0.0, 0.0)]) == "0 in every layer: vanished"
    assert (_zero([profile(0.0, 0.0)]), _zero([profile(0.0, 0.0), profile(0.0, 1.0)])) == (True, False)
    assert _named([profile(1.0, float("nan"))]) == "not measured"
    assert KOREAN("0 in every layer: vanished") == "모든 층에서 0: 소실"


def test_a_gap_to_a_training_error_that_cannot_be_told_from_zero_has_an_upper_end_alone() -> None:
    fitted: Any = SimpleNamespace(cuts=SimpleNamespace(least=0.007))
    assert _gap(fitted, 0.013, 0.001) == "at most 1.3 points"
    assert _gap(fitted, 0.046, 0.02) == "2.6 points"
    assert _gap(fitted, 0.051, 0.053) == "none to be seen"


def test_points_that_are_added_are_those_between_the_errors_as_they_are_said() -> None:
    assert _added(0.0443, 0.0464) == ("4.4\u00a0%", "0.2 points")
    assert _added(0.0443, 0.0444) is None
