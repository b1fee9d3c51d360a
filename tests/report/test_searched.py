"""What was searched, in words, and what of a point lies at the end of it."""

from pathlib import Path

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from report_studies import simulated_study

from fitscape.study.config import Choices, Range, StudyConfig
from fitscape.study.opened import open_study
from fitscape.study.report import axes, build
from fitscape.study.report.searched import at_ends, searched
from fitscape.study.report.subject import Subject

SPACE = {
    "architecture": Choices(choices=("resnet18", "plain18")),
    "width": Range(low=0.125, high=1, log=True),
    "train_fraction": Range(low=0.05, high=1, log=True),
    "lr": Choices(choices=(0.05, 0.2)),
    "norm": Choices(choices=("batch", "group")),
}


def test_the_page_says_what_was_searched_and_what_of_its_advice_lies_at_the_end_of_it(tmp_path: Path) -> None:
    folder = simulated_study(tmp_path, StudyConfig(name="ranges", space=SPACE), 24)
    subject = Subject(open_study(folder))
    assert searched(subject) == [
        ("architecture", "ResNet18, plain-18"),
        ("width", "from 0.125 to 1"),
        ("training images", "from 5.0\u00a0% to 100\u00a0%"),
        ("learning rate", "0.05, 0.2"),
        ("normalization", "batch, group"),
    ]
    point = {"architecture": "plain18", "width": 0.99, "train_fraction": 1.0, "lr": 0.05, "norm": "batch"}
    assert at_ends(subject, point) == [
        "width 0.99 (the highest is 1)",
        "learning rate 0.05 (the lowest of a range in which it hardly mattered)",
    ]
    assert at_ends(subject, {**point, "width": 1.0, "lr": 0.1}) == ["width 1 (the highest)"]
    assert at_ends(subject, {**point, "width": 0.5, "lr": 0.1}) == []
    text = build(folder).read_text(encoding="utf-8")
    assert "this data set, what was searched (architecture ResNet18, plain-18; width from 0.125 to 1; " in text
    assert "<dt>searched: learning rate</dt><dd>0.05, 0.2</dd>" in text
    assert subject.best_point({"architecture": subject.recommended["architecture"]}) == subject.recommended
    other = {"resnet18", "plain18"} - {subject.recommended["architecture"]}
    assert {subject.best_point({"architecture": net})["architecture"] for net in other} == other
    assert ("At an end of what was searched: " in text) == bool(at_ends(subject, subject.best_point({})))


def test_an_axis_has_the_places_of_its_values_where_they_are_few() -> None:
    assert axes.axis("freeze", CategoricalDistribution([0, 3, 5]))["choices"] == [0, 0.6, 1]
    assert axes.axis("depth", IntDistribution(20, 56, step=12))["choices"] == [0, 0.33333, 0.66667, 1]
    assert axes.axis("epochs", IntDistribution(1, 100))["choices"] is None
    assert axes.axis("width", FloatDistribution(0.1, 1))["choices"] is None
