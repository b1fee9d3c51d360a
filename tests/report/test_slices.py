"""Every net of a searched space is on the map, whichever hyperparameters make it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_made import noisy_epoch
from report_studies import SIMULATED_PROVENANCE

from fitscape.study.config import StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState
from fitscape.study.report.pack import Pack
from fitscape.study.report.sections.comparison import comparison
from fitscape.study.report.sections.planes import LIVE_PLANES, planes
from fitscape.study.report.sections.recommendation import recommendation
from fitscape.study.report.slices import net_at, picking, slice_keys, slices_of
from fitscape.study.report.stages import EpochStage
from fitscape.study.report.subject import Subject

RATE = {"lr": {"low": 0.01, "high": 1, "log": True}}
RATES = [0.02 * 2**i for i in range(5)]
GOOD_FROM = 32  # nets of this depth and more are good, shallower ones underfit


def studied(folder: Path, space: dict[str, Any], points: list[dict[str, Any]], **base: Any) -> Subject:
    """Trials at these points; the deep ones are good."""
    config = StudyConfig.model_validate({"name": "sliced", "space": space})
    config = config.model_copy(update={"base": config.base.with_hyperparameters(base)})
    rng = np.random.default_rng(0)
    with Ledger.create(folder / "ledger.db", config, SIMULATED_PROVENANCE) as ledger:
        for point in points:
            trial = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol")
            ledger.start_attempt(trial.trial_id, "here", "cpu")
            errors = (0.02, 0.05) if trial.config.model.depth >= GOOD_FROM else (0.4, 0.42)
            ledger.record_epoch(trial.trial_id, noisy_epoch(rng, *errors, epoch=1, train_sd=0.1, val_sd=0.1))
            ledger.end_trial(trial.trial_id, TrialState.FINISHED)
    return Subject(open_study(folder))


DEPTHS = {
    "choices": {"depth": {"choices": [20, 32, 56]}, **RATE},
    "two choices": {"depth": {"choices": [20, 56]}, **RATE},
    "range": {"depth": {"low": 20, "high": 56, "step": 12}, **RATE},
}


@pytest.mark.parametrize("space", DEPTHS.values(), ids=DEPTHS)
def test_all_depths_of_a_searched_depth_are_on_the_map(tmp_path: Path, space: dict[str, Any]) -> None:
    depths = [20, 56] if space["depth"] == {"choices": [20, 56]} else [20, 32, 56]
    points = [{"depth": depth, "lr": lr} for depth in depths for lr in RATES]
    subject = studied(tmp_path, space, points, depth=20)
    (whole,) = slices_of(subject)
    assert (whole.key, whole.name, whole.picked) == ("resnet", "ResNet", {})
    assert slice_keys(subject) == ["resnet"] * len(points)
    rows = comparison(subject)
    assert [row["net"] for row in rows] == [f"ResNet{depth}" for depth in depths]
    assert all(row["shares"] for row in rows), "each lies inside the searched space"
    good = [row["shares"]["good"]["share"] for row in rows]
    assert good[0] < 0.5 < good[-1], "the share is that of the depth, not of the whole space"
    advice = recommendation(subject)["advice"]
    assert advice["net"] in {f"ResNet{depth}" for depth in depths[1:]}
    assert "depth" not in advice["setting"]


def test_a_searched_family_is_a_slice_each_with_its_depth_in_its_name(tmp_path: Path) -> None:
    points = [{"family": family, "lr": lr} for family in ("resnet", "plain") for lr in RATES]
    subject = studied(tmp_path, {"family": {"choices": ["resnet", "plain"]}, **RATE}, points, depth=56)
    assert [one.name for one in slices_of(subject)] == ["ResNet", "plain"]
    assert slice_keys(subject) == ["resnet"] * 5 + ["plain"] * 5
    assert [row["net"] for row in comparison(subject)] == ["plain-56", "ResNet56"]
    assert all(row["shares"] for row in comparison(subject))
    assert recommendation(subject)["advice"]["net"] in ("ResNet56", "plain-56")


def test_the_advice_is_a_net_that_exists_where_family_and_depth_depend_on_each_other(tmp_path: Path) -> None:
    space = {"family": {"choices": ["resnet", "densenet"]}, "depth": {"choices": [18, 34, 121]}, **RATE}
    points = [
        {"family": family, "depth": depth, "lr": lr}
        for family, depth in (("resnet", 18), ("resnet", 34), ("densenet", 121))
        for lr in RATES
    ]
    subject = studied(tmp_path, space, points)
    assert subject.possible({"family": "densenet", "depth": 121})
    assert not subject.possible({"family": "densenet", "depth": 34})
    assert recommendation(subject)["advice"]["net"] in ("ResNet34", "DenseNet121")
    assert picking(subject, "resnet34") == {"family": "resnet", "depth": 34}
    assert picking(subject, "plain34") is None


def test_a_trial_outside_of_the_space_is_on_no_slice(tmp_path: Path) -> None:
    points = [{"depth": 20, "lr": 0.1}, {"depth": 44, "lr": 0.1}, {"depth": 20, "lr": 2.0}]
    subject = studied(tmp_path, DEPTHS["choices"], points, depth=20)
    assert slice_keys(subject) == ["resnet", None, None]
    assert picking(subject, "resnet44") is None
    assert net_at(subject, {"depth": 32, "lr": 0.1}) == "resnet32"


def test_trials_outside_of_the_space_are_counted_where_the_map_is(tmp_path: Path) -> None:
    from fitscape.study.report import build

    points = [{"lr": lr} for lr in RATES] + [{"lr": 5.0}, {"lr": 9.0}]
    text = build(studied(tmp_path, RATE, points, depth=20).study.folder).read_text(encoding="utf-8")
    assert "2 of the 7 trials lie outside of the searched space (learning rate 5, 9)." in text


def test_a_study_of_one_architecture_is_its_own_slice(tmp_path: Path) -> None:
    subject = studied(tmp_path, RATE, [{"lr": lr} for lr in RATES], depth=20)
    assert [(one.key, one.name) for one in slices_of(subject)] == [("resnet20", "ResNet20")]
    assert picking(subject, "resnet20") == {}
    assert picking(subject, "resnet56") is None
    assert net_at(subject, {"lr": 0.1}) == "resnet20"


def test_a_plane_says_which_unordered_choice_it_is_at(tmp_path: Path) -> None:
    space = {"norm": {"choices": ["batch", "group"]}, "width": {"low": 0.125, "high": 1, "log": True}, **RATE}
    points = [{"norm": n, "lr": lr, "width": 0.25} for n in ("batch", "group") for lr in RATES]
    subject = studied(tmp_path, space, points, depth=32)
    found = planes([EpochStage(None, subject)], Pack())["planes"]
    assert found
    assert all(set(plane["choices"]) == {"norm"} for plane in found)
    assert all(plane["choices"]["norm"] in ("batch", "group") for plane in found)


def test_while_a_study_runs_its_map_is_a_few_planes_of_its_best_points(tmp_path: Path) -> None:
    space = {"norm": {"choices": ["batch", "group"]}, "width": {"low": 0.125, "high": 1, "log": True}, **RATE}
    points = [{"norm": n, "lr": lr, "width": w} for n in ("batch", "group") for lr in RATES for w in (0.25, 0.5)]
    subject = studied(tmp_path, {**space, "dropout": {"low": 0, "high": 0.5}}, points, depth=32)
    whole, quick = (planes([EpochStage(None, subject)], Pack(), runs=runs) for runs in (False, True))
    assert len(quick["planes"]) <= LIVE_PLANES
    assert [one["key"] for one in quick["holds"]] == ["best"]
    assert quick["axes"] == whole["axes"]
    assert quick["foretold"] is None


@pytest.mark.parametrize(
    ("space", "point"),
    [({"depth": {"choices": [18]}}, {"depth": 18}), ({"width": {"low": 0.5, "high": 0.5}}, {"width": 0.5}), ({}, {})],
)
def test_a_study_of_seeds_alone_has_its_page(tmp_path: Path, space: dict[str, Any], point: dict[str, Any]) -> None:
    from fitscape.study.report import build

    studied(tmp_path, space, [{**point, "seed": seed} for seed in range(4)])
    text = build(tmp_path).read_text()
    assert "The best trial that was run:" in text
    assert "there is no plane to draw" in text or "searches no hyperparameter" in text


def test_the_advice_says_on_how_much_of_the_data_it_rests(tmp_path: Path) -> None:
    half = {"train_fraction": {"low": 0.05, "high": 0.5, "log": True}, **RATE}
    points = [{"train_fraction": f, "lr": lr} for f in (0.1, 0.2, 0.5) for lr in RATES]
    for name, space, base, said in (
        ("half", half, {}, "50\u00a0% of the training images, labels as they are"),
        ("all", RATE, {}, "All training images, labels as they are"),
        ("base", RATE, {"train_fraction": 0.25}, "25\u00a0% of the training images, labels as they are"),
        ("noisy", RATE, {"label_noise": 0.2}, "All training images, 20\u00a0% of the labels redrawn"),
    ):
        (tmp_path / name).mkdir()
        kept = points if name == "half" else [{"lr": lr} for lr in RATES]
        advice = recommendation(studied(tmp_path / name, space, kept, **base))["advice"]
        assert advice["conditions"] == said
        assert advice["data"] is None or advice["data"]["most"] == "50\u00a0% of the training images"
