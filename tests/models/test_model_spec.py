import numpy as np
import pytest

from fitscape.models.spec import ModelSpec, architectures, parse_architecture


@pytest.mark.parametrize(
    ("hyperparameter", "hyperparameters"),
    [
        ("family", {"family": "no-such-family"}),
        ("family", {"family": ["resnet"]}),
        ("depth", {"depth": 19}),
        ("depth", {"depth": 18.0}),
        ("depth", {"family": "densenet", "depth": 18}),
        ("depth", {"depth": "18"}),
        ("width", {"width": 0.06}),
        ("width", {"width": 2.1}),
        ("width", {"width": float("nan")}),
        ("width", {"width": "wide"}),
        ("width", {"width": True}),
        ("dropout", {"dropout": 1.0}),
        ("dropout", {"dropout": -0.1}),
        ("dropout", {"dropout": None}),
        ("growth_rate", {"growth_rate": 0}),
        ("growth_rate", {"growth_rate": 65}),
        ("growth_rate", {"growth_rate": 12.5}),
        ("norm", {"norm": "layer"}),
        ("init", {"init": "zeros"}),
        ("stem", {"stem": "cifar"}),
        ("shortcut", {"shortcut": "dense"}),
        ("shortcut", {"shortcut": "none"}),
        ("shortcut", {"family": "plain", "shortcut": "identity"}),
        ("shortcut", {"family": "densenet", "depth": 121, "shortcut": "projection"}),
    ],
)
def test_a_bad_hyperparameter_is_refused_by_name(hyperparameter: str, hyperparameters: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"^{hyperparameter}: "):
        ModelSpec(**hyperparameters)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("family", "depth", "published"),
    [
        ("resnet", 18, "projection"),
        ("resnet", 34, "projection"),
        ("resnet", 20, "identity"),
        ("resnet", 110, "identity"),
        ("plain", 34, "none"),
        ("plain", 56, "none"),
        ("densenet", 121, "none"),
    ],
)
def test_an_unset_shortcut_is_the_published_one(family: str, depth: int, published: str) -> None:
    assert ModelSpec(family=family, depth=depth).shortcut == published


def test_a_shortcut_that_was_asked_for_stays_with_every_net_that_has_it() -> None:
    for chosen in (ModelSpec(depth=20, shortcut="projection"), ModelSpec(depth=18, shortcut="projection")):
        assert chosen.replace(depth=56).shortcut == "projection"
        assert chosen.replace(width=0.5).replace(depth=56).shortcut == "projection"
        assert chosen.replace(family="plain").shortcut == "none"
        assert chosen.replace(family="densenet", depth=121).shortcut == "none"
        assert chosen.replace(depth=56, shortcut=None).shortcut == "identity"
        assert chosen.chosen_shortcut == "projection"
    assert ModelSpec(depth=18, shortcut="identity").replace(depth=34).shortcut == "identity"
    assert ModelSpec(family="plain", shortcut="none").replace(family="resnet").shortcut == "projection"
    assert ModelSpec(depth=18).replace(width=0.5).replace(depth=20).shortcut == "identity"
    assert ModelSpec(depth=18).chosen_shortcut is None
    assert ModelSpec(depth=18) == ModelSpec(depth=18, shortcut="projection")


def test_a_growth_rate_stays_with_densenets() -> None:
    base = ModelSpec(growth_rate=12)
    assert base.replace(family="densenet", depth=121).growth_rate == 12
    assert base.replace(family="plain").growth_rate == 32
    assert base.replace(family="plain", growth_rate=8).growth_rate == 8


def test_replacing_family_or_depth_takes_the_published_shortcut_again() -> None:
    assert ModelSpec(depth=18).replace(depth=20).shortcut == "identity"
    assert ModelSpec(depth=18).replace(family="plain").shortcut == "none"
    assert ModelSpec(depth=18, shortcut="identity").replace(width=0.5).shortcut == "identity"


def test_equal_hyperparameters_of_other_number_types_are_the_same_spec() -> None:
    sampled = ModelSpec(depth=np.int64(20), width=np.float64(1), dropout=0, growth_rate=np.int32(32))  # type: ignore[arg-type]
    written = ModelSpec(depth=20)
    assert sampled == written
    assert repr(sampled) == repr(written)


def test_every_architecture_is_parsed_back_and_others_are_refused() -> None:
    for name in architectures():
        family, depth = parse_architecture(name)
        assert ModelSpec(family=family, depth=depth).name == name
    for wrong in ("resnet19", "resnet", "18", "ResNet18", ""):
        with pytest.raises(ValueError, match=r"^architecture: "):
            parse_architecture(wrong)
