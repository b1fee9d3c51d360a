"""What the page says of more images: how many, that they will not help, or why that cannot be said."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import make_epoch
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from small_study import PROVENANCE

from fitscape.study.config import Range, StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState
from fitscape.study.report import language
from fitscape.study.report.sections.more_images import Audit, audit, more_images
from fitscape.study.report.sections.recommendation import recommendation
from fitscape.study.report.subject import Subject

IMAGES = 60_000
FACTS = PROVENANCE | {
    "chance_error": 0.9,
    "data": PROVENANCE["data"] | {"classes": list("0123456789"), "images": {"train": IMAGES, "validation": 4000}},
}
SPACE = {
    "train_fraction": Range(low=1 / 32, high=1, log=True),
    "width": Range(low=0.125, high=1, log=True),
}


def subject(
    root: Path,
    *,
    floor: float,
    train: float,
    n: int = 40,
    space: dict[str, Range] = SPACE,
    steps: dict[str, int] | None = None,
) -> Subject:
    """A study whose validation error follows a power law of the images, and whose training error is ``train`` of it."""
    rng = np.random.default_rng(0)
    config = StudyConfig.model_validate({"name": "planted", "space": space, "base": {"optimization": steps or {}}})
    with Ledger.create(root / "ledger.db", config, FACTS) as ledger:
        for k in range(n):
            fraction, width = float(32 ** -rng.random()), float(8 ** -rng.random())
            point = {"train_fraction": fraction, "width": width}
            point = {name: value for name, value in point.items() if name in space}
            error = (floor + 0.06 * fraction**-0.5) * width**-0.1 * np.exp(rng.normal(0, 0.03))
            trial = ledger.add_trial(config.base.with_hyperparameters(point), {**point, "seed": 0}, "sobol").trial_id
            ledger.start_attempt(trial, "here", "cpu")
            counts = {"train_n": 2000, "val_n": 4000, "val_error_a": error, "val_error_b": error}
            ledger.record_epoch(trial, make_epoch(train * error, error, epoch=1, time=float(k), **counts))
            ledger.end_trial(trial, TrialState.FINISHED)
    return Subject(open_study(root))


def test_where_a_power_law_falls_the_number_of_images_is_said_with_its_interval(tmp_path: Path) -> None:
    study = subject(tmp_path, floor=0.0, train=0.1)
    said = recommendation(study)["advice"]["images"]
    assert said["helps"] is True
    assert said["answer"].startswith("About ")
    assert "images are needed to lower the error of this net by " in said["answer"]
    assert [count for count, _ in said["rows"]] == ["60,000", "120,000", "240,000"]
    assert said["audit"].startswith("Checked: of ")
    assert "passes" in said["passes"]


def test_where_the_training_error_is_missing_more_images_are_no_advice(tmp_path: Path) -> None:
    advice = recommendation(subject(tmp_path, floor=0.0, train=0.97))["advice"]
    answer = advice["images"]["answer"]
    aim = "to lower the error of this net by a quarter"  # and no other error of it beside the headline's
    assert answer.startswith(f"More images alone are not expected {aim}: its training error alone is ")
    assert advice["images"]["rows"][0][1] == advice["interval"], "one interval for one net"
    assert advice["data"]["sure"] is False, "headline and detail say the same"


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (
            FloatDistribution(0.01, 1, log=True),
            "Not checked: of the trials on the map 20 had a quarter of the images or less and 5 had half or more, and "
            "12 and 6 are needed.",
        ),
        (
            FloatDistribution(0.2, 1, log=True),
            "Not checked: the fewest images were 20\u00a0% of the most, and an eighth or less is needed.",
        ),
        (
            CategoricalDistribution((0.05, 0.2, 1.0)),
            "Not checked: the images were a few listed numbers, not drawn over a range.",
        ),
    ],
)
def test_what_was_not_checked_says_what_was_found_and_what_is_needed(images: BaseDistribution, said: str) -> None:
    table = pd.DataFrame({"train_fraction": [0.05, 0.2] * 10 + [1.0] * 5})
    fitted: Any = SimpleNamespace(encoder=SimpleNamespace(space={"train_fraction": images}))
    found = audit(fitted, table, 4000)
    assert f"Not checked: {found.why}." == said
    assert not found.failed
    korean = language.catalogue("ko")(said)
    assert not re.findall(r"[A-Za-z]{2,}", korean), korean


def test_what_cannot_be_said_comes_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("fixed", "few", "checked"):
        (tmp_path / folder).mkdir()
    point = {"train_fraction": 1.0, "width": 1.0}
    fixed = subject(tmp_path / "fixed", floor=0, train=0.1, space={"width": SPACE["width"]})
    few = subject(tmp_path / "few", floor=0, train=0.1, n=8)
    checked = subject(tmp_path / "checked", floor=0, train=0.1)
    name = "fitscape.study.report.sections.more_images.audit"
    monkeypatch.setattr(name, lambda *_: Audit(n=12, inside=5))
    for study, why in (
        (fixed, "every trial had the same share of the images"),
        (few, "and 12 are needed"),
        (checked, "runs with at most a quarter of the images did not foretell the others"),
    ):
        assert study.map is not None
        said = more_images(study, study.map, point)
        assert said is not None
        assert said["answer"].startswith("Whether more images would help is not predicted, because")
        assert why in said["answer"]
        assert said["helps"] is None


def test_a_net_of_a_fixed_number_of_steps_is_told_nothing_of_images_that_it_cannot_see(tmp_path: Path) -> None:
    for folder in ("all", "some"):
        (tmp_path / folder).mkdir()
    steps = {"epochs": 4, "steps_per_epoch": 125, "batch_size": 64}  # 32,000 images
    advice = recommendation(subject(tmp_path / "all", floor=0.0, train=0.1, steps=steps), tested=False)["advice"]
    assert advice["images"]["answer"] == (
        "More images do nothing unless the net trains longer: its 500 steps of 64 images see at most 32,000 of the "
        "60,000 that there are."
    )
    assert (advice["images"]["rows"], advice["data"]) == ([], None)
    steps["epochs"] = 12  # 96,000
    said = recommendation(subject(tmp_path / "some", floor=0.0, train=0.1, steps=steps), tested=False)["advice"][
        "images"
    ]
    assert [count for count, _ in said["rows"]] == ["60,000", "96,000"]
    assert said["end"] == "the 96,000 that its steps can see"
    assert said["answer"].endswith(
        " In its steps such a net sees at most 96,000: beyond that it must train longer, too."
    )
    assert said["helps"] is False, "1.6 times as many do not take a quarter of the error"
