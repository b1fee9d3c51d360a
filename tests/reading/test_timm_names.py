"""A study that names networks of timm: refused by file, line and key where they cannot be trained."""

import sys
from collections.abc import Mapping

import pytest
from optuna.distributions import CategoricalDistribution

from fitscape import search_spaces
from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.reading import validate
from fitscape.study.reading.document import parse
from fitscape.study.reading.timm_names import extras


def refusal(text: str) -> str:
    with pytest.raises(UserError) as caught:
        validate(parse("name: a\n" + text, "s.yaml"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "space: {architecture: {choices: [resnet18, 'timm:resnet10tt']}}",
            "s.yaml:2: space.architecture.choices[1]: timm has no network 'resnet10tt' (did you mean timm:resnet10t?)",
        ),
        ("base: {model: {family: 'timm:qqqqqqq'}}", "base.model.family: timm has no network 'qqqqqqq' (timm.list_mod"),
        ("enqueue: [{architecture: 'timm:resnet10x'}]", "enqueue[0].architecture: timm has no network 'resnet10x'"),
        (
            "space: {family: {choices: ['timm:a.b']}}",
            "space.family.choices[0]: 'timm:a.b' is not timm:NAME, where NAME",
        ),
        ("base: {model: {family: 'timm:resnet10t', width: 0.5}}", "base.model.width: 0.5 does not go with timm:resn"),
        (
            "space: {architecture: {choices: ['timm:resnet10t', resnet18]}, width: {low: 0.5, high: 1}}",
            "s.yaml:2: space.width: is not a hyperparameter of timm:resnet10t (leave out one of the two; a network ",
        ),
        ("space: {architecture: {choices: [resnet19]}}", "is not one of resnet18, resnet34"),
    ],
)
def test_refused_in_one_line_that_says_what_would_be_right(text: str, message: str) -> None:
    assert message in refusal(text)


def test_networks_of_timm_and_our_own_go_into_one_study() -> None:
    space: Mapping[str, object] = validate(
        parse(
            "name: a\nspace: {architecture: {choices: [resnet18, 'timm:resnet10t']}, lr: {low: 0.01, high: 0.1}}\n"
            "enqueue: [{architecture: 'timm:test_vit', dropout: 0.1}]",
            "s.yaml",
        )
    ).space  # type: ignore[assignment]
    assert set(space) == {"architecture", "lr"}


def test_without_timm_the_refusal_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    text = "space: {architecture: {choices: [resnet18, 'timm:resnet10t']}}"
    told = "s.yaml:2: space.architecture.choices[1]: timm is not installed (pip install 'timm>=1.0.20')"
    assert refusal(text) == told


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("base: {model: {family: 'timm:resnet10t'}}", ("timm",)),
        ("space: {architecture: {choices: [resnet18, 'timm:resnet10t']}}", ("timm",)),
        ("enqueue: [{architecture: 'timm:resnet10t'}]", ("timm",)),
        ("space: {architecture: {choices: [resnet18]}}", ()),
        ("space: quick", ()),
    ],
)
def test_timm_is_needed_where_a_trial_may_be_one_of_its_networks(text: str, needed: tuple[str, ...]) -> None:
    assert extras(validate(parse("name: a\n" + text, "s.yaml"))) == needed


def test_timm_is_needed_by_a_named_space_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"architecture": CategoricalDistribution(("resnet18", "timm:resnet10t"))}
    monkeypatch.setattr(search_spaces, "get", lambda name: named)
    assert extras(StudyConfig(name="a", space="quick")) == ("timm",)
