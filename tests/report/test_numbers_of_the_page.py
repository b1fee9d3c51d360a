"""A study whose every number is known: the page's JSON, its arrays and its words say these numbers and no others."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_made import make_epoch
from report_pages import Arrays, data_of

from fitscape.study.config import Range, StudyConfig, TrialConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import ModelSize, TrialState
from fitscape.study.report import build

# Width, share of the training images, and the training and validation error at the end; after 0.8 and 0.85.
GOOD = ((1.0, 1.0, 0.01, 0.03), (0.7, 1.0, 0.012, 0.034), (1.0, 0.7, 0.008, 0.036), (0.8, 0.8, 0.01, 0.035))
UNDERFIT = ((0.125, 1.0, 0.4, 0.41), (0.15, 0.8, 0.38, 0.4), (0.13, 0.5, 0.42, 0.44), (0.125, 0.25, 0.41, 0.46))
OVERFIT = ((1.0, 0.05, 0.0, 0.4), (0.7, 0.06, 0.001, 0.38), (1.0, 0.1, 0.0, 0.3), (0.5, 0.05, 0.01, 0.42))
SEARCHED = (*GOOD, *UNDERFIT, *OVERFIT)
DEPTHS = {20: (0.05, 0.06, 0.07), 32: (0.05, 0.065, 0.068), 56: (0.25, 0.26, 0.27)}  # training errors by seed
NAN = float("nan")
TRIALS = 12 + 2 + 9  # searched, one that diverged and one that failed, depths


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "known"
    folder.mkdir()
    space = {"width": Range(low=0.125, high=1, log=True), "train_fraction": Range(low=0.05, high=1, log=True)}
    config = StudyConfig(name="known", space=space)
    images = {"train": 4000, "validation": 2000, "test": 2000}
    facts = {"data_fingerprint": "abc123", "chance_error": 0.9}
    with Ledger.create(
        folder / "ledger.db", config, {**facts, "data": {"classes": list("0123456789"), "images": images}}
    ) as ledger:
        for width, share, train, val in SEARCHED:
            size = ModelSize(parameters=int(1e6 * width), flops=int(2e6 * width))
            run(ledger, {"width": width, "train_fraction": share}, (0.8, 0.85), (train, val), size=size)
        run(ledger, {"width": 0.9, "train_fraction": 0.3}, (0.7, 0.75), (NAN, NAN), state=TrialState.DIVERGED)
        run(ledger, {"width": 0.4, "train_fraction": 0.6}, state=TrialState.FAILED)
        for depth, errors in DEPTHS.items():
            for seed, error in enumerate(errors):
                run(ledger, {"architecture": f"plain{depth}", "seed": seed}, (error, error + 0.02))
    return build(folder)


def run(
    ledger: Ledger,
    point: dict[str, Any],
    *errors: tuple[float, float],
    state: TrialState = TrialState.FINISHED,
    size: ModelSize | None = None,
) -> None:
    """A trial of these errors of training and validation, two seconds and a half an epoch."""
    trial_id = ledger.add_trial(TrialConfig().with_hyperparameters(point), point, "sobol").trial_id
    ledger.start_attempt(trial_id, "here", "cpu")
    for epoch, (train, val) in enumerate(errors, 1):
        ledger.record_epoch(trial_id, make_epoch(train, val, epoch=epoch, train_seconds=2.0, eval_seconds=0.5))
    ledger.end_trial(trial_id, state, "oom: no memory left" if state is TrialState.FAILED else "", size=size)


@pytest.fixture(scope="module")
def data(page: Path) -> dict[str, Any]:
    return data_of(page)


@pytest.fixture(scope="module")
def arrays(page: Path) -> Arrays:
    return Arrays(page)


def test_every_trial_has_its_own_numbers(data: dict[str, Any]) -> None:
    trials = data["trials"]
    assert trials["number"] == list(range(TRIALS))
    depths = [error for errors in DEPTHS.values() for error in errors]
    assert trials["train_error"] == [*(row[2] for row in SEARCHED), None, None, *depths]
    assert trials["val_error"] == [*(row[3] for row in SEARCHED), None, None, *(round(e + 0.02, 6) for e in depths)]
    assert trials["state"] == ["finished"] * 12 + ["diverged", "failed"] + ["finished"] * 9
    assert trials["message"] == {"13": "oom: no memory left"}
    assert trials["epochs"] == [2] * 13 + [0] + [1] * 9
    assert trials["seconds"] == [5.0] * 13 + [None] + [2.5] * 9
    assert trials["parameters"][:4] == [1_000_000, 700_000, 1_000_000, 800_000]
    assert trials["flops"][:4] == [2_000_000, 1_400_000, 2_000_000, 1_600_000]
    assert trials["hyperparameters"]["width"]["all"][:12] == [row[0] for row in SEARCHED]
    assert trials["hyperparameters"]["train_fraction"]["all"][:12] == [row[1] for row in SEARCHED]


def test_curves_are_those_of_their_trials(data: dict[str, Any], arrays: Arrays) -> None:
    curves = data["trials"]["curves"]
    assert curves["points"] == [2] * 13 + [0] + [1] * 9
    assert arrays.cut(curves["epoch"]) == [1, 2] * 13 + [1] * 9
    ends = [error for errors in DEPTHS.values() for error in errors]
    expected = {
        "train": [x for row in SEARCHED for x in (0.8, row[2])] + [0.7, None] + ends,
        "val": [x for row in SEARCHED for x in (0.85, row[3])] + [0.75, None] + [e + 0.02 for e in ends],
    }
    for part, errors in expected.items():
        found = arrays.rates(curves[part])
        assert [rate is None for rate in found] == [error is None for error in errors], part
        np.testing.assert_allclose(np.array(found, dtype=float), np.array(errors, dtype=float), atol=1e-5)


def test_regimes_are_those_of_the_errors(data: dict[str, Any], arrays: Arrays) -> None:
    assert (data["map"]["taus"], data["tau"]) == ([0.02, 0.05, 0.1, 0.2], 0.05)
    for row in data["trials"]["regimes"][0]:  # at every tau
        names = [data["looks"][int(position)]["name"] for position in arrays.cut(row)]
        assert names[:14] == ["good"] * 4 + ["underfit"] * 4 + ["overfit"] * 4 + ["diverged", "no label"]
    sure = arrays.rates(data["trials"]["probability"])
    assert all(p is not None and p > 0.95 for p in sure[:13])
    assert sure[13] is None


def test_the_map_lies_where_its_trials_lie(data: dict[str, Any], arrays: Arrays) -> None:
    places = {name: arrays.rates(row) for name, row in data["trials"]["place"].items()}
    for name, column, low in (("width", 0, 0.125), ("train_fraction", 1, 0.05)):
        expected = [1 - np.log(row[column]) / np.log(low) for row in SEARCHED]
        np.testing.assert_allclose(np.array(places[name][:12], dtype=float), expected, atol=1e-4)
    planes = [plane for plane in data["map"]["planes"] if (plane["x"], plane["y"]) == ("width", "train_fraction")]
    assert len(planes) == 2  # the best point and the middle lie in the same plane of two hyperparameters
    for plane in planes:
        shares = np.array(arrays.cut(plane["at"][1])).reshape(4, 31, 31) / 255
        names = ("diverged", "untrained", "good", "overfit")
        at = dict(zip(names, shares, strict=True)) | {"underfit": 1 - shares.sum(0)}
        where = {"good": (30, 27), "underfit": (30, 0), "overfit": (0, 30), "diverged": (18, 28)}
        assert {regime: max(at, key=lambda one: at[one][cell]) for regime, cell in where.items()} == {
            regime: regime for regime in where
        }
        assert all(at[regime][cell] > 0.5 for regime, cell in where.items())


def test_the_best_trial_is_the_best_and_its_interval_wilsons(page: Path) -> None:
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.read_text())).replace("\N{NO-BREAK SPACE}", " ")
    best = words.partition("The best trial that was run: ")[2].partition(". As the best")[0]
    assert best == (
        "#0 ResNet18 at width 1, training images 100 %. Validation error 3.0 %, good. This trained net, on other "
        "images: 2.4 % to 3.7 % (90 % interval over 2000 images)"
    )


def test_architectures_are_counted_and_timed(data: dict[str, Any]) -> None:
    rows = {row["key"]: row for row in data["comparison"]}
    keys = ("trials", "finished", "diverged", "failed", "seconds")
    assert {name: tuple(row[key] for key in keys) for name, row in rows.items()} == {
        "resnet18": (14, 12, 1, 1, "5\N{NO-BREAK SPACE}s"),
        **{f"plain{depth}": (3, 3, 0, 0, "2.5\N{NO-BREAK SPACE}s") for depth in DEPTHS},
    }
    errors = {name: row["best"]["error"].replace("\N{NO-BREAK SPACE}", " ") for name, row in rows.items()}
    assert {name: errors[name] for name in ("plain20", "plain32", "plain56")} == {
        "plain20": "8.0 %",
        "plain32": "8.1 %",
        "plain56": "28 %",
    }
    assert rows["resnet18"]["parameters"].replace("\N{NO-BREAK SPACE}", " ") == "125 k to 1 M"


def test_degradation_has_its_sign_and_its_size(data: dict[str, Any]) -> None:
    (series,) = data["degradation"]["series"]
    assert series["depths"] == [20, 32, 56]
    np.testing.assert_allclose(series["mean"], [0.06, 0.061, 0.26], atol=3e-4)  # with half an image to none wrong
    assert [list(map(float, runs)) for runs in series["runs"]] == [[0, 1, 2]] * 3
    pairs = [
        {key: str(value).replace("\N{NO-BREAK SPACE}", " ") for key, value in pair.items()}
        for pair in data["degradation"]["pairs"]
    ]
    lacks = "too few runs: it takes 2 more seeds and 2 more learning rates"
    keys = ("deep", "shallow", "deep_error", "shallow_error", "difference", "seeds", "degraded")
    assert [tuple(pair[key] for key in keys) for pair in pairs] == [
        ("plain-32", "plain-20", "6.1 %", "6.0 %", "+0.1 points", "3", "no"),
        ("plain-56", "plain-20", "26 %", "6.0 %", "+20.0 points", "3", lacks),
    ]
