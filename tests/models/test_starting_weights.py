"""Weights go into our networks as torchvision's and timm's own do; what does not fit is named."""

import pickle
from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn

from fitscape.models.build import build
from fitscape.models.spec import ModelSpec
from fitscape.models.starting_weights import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    StartingWeights,
    changes,
    implied,
    load,
    named_as_torchvision,
)

TEN = tuple("abcdefghij")


def weights(state: dict[str, Tensor], classes: tuple[str, ...] | None = None) -> StartingWeights:
    return StartingWeights(tensors=named_as_torchvision(state), mean=IMAGENET_MEAN, std=IMAGENET_STD, classes=classes)


@pytest.mark.parametrize(
    ("family", "depth", "theirs"),
    [("resnet", 18, torchvision.models.resnet18), ("densenet", 121, torchvision.models.densenet121)],
)
def test_logits_are_torchvisions_after_loading_its_state_dict(
    family: str, depth: int, theirs: Callable[..., nn.Module]
) -> None:
    torch.manual_seed(0)
    reference = theirs(num_classes=10).eval()
    spec = ModelSpec(family=family, depth=depth)
    spec = spec.replace(**implied(family, depth, spec.growth_rate, reference.state_dict()))
    assert (spec.width, spec.stem, spec.norm) == (1, "imagenet", "batch")
    ours = build(spec, (3, 48, 48), 10)
    changed = load(ours, weights(reference.state_dict()), TEN)
    assert (changed.head, changed.stem) == ("", "")
    images = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        assert torch.equal(ours.eval()(images), reference(images))


def test_a_head_of_other_classes_is_drawn_and_all_else_taken_over() -> None:
    reference = torchvision.models.resnet18(num_classes=7)
    ours = build(ModelSpec(stem="imagenet"), (3, 48, 48), 10)
    before = ours.state_dict()["fc.weight"].clone()
    assert load(ours, weights(reference.state_dict()), TEN).head == "drawn: 7 classes before, 10 now"
    assert torch.equal(ours.state_dict()["fc.weight"], before)
    assert torch.equal(ours.state_dict()["layer4.1.conv2.weight"], reference.state_dict()["layer4.1.conv2.weight"])


def test_a_head_of_as_many_other_classes_is_drawn_where_their_names_are_known() -> None:
    ours = build(ModelSpec(width=0.125), (1, 16, 16), 10)
    state = {k: t.clone() for k, t in build(ModelSpec(width=0.125), (1, 16, 16), 10).state_dict().items()}
    assert changes(ours, weights(state, tuple("klmnopqrst")), TEN).head == "drawn: other 10 classes before"
    assert changes(ours, weights(state, TEN), TEN).head == ""


def test_a_grey_image_gives_what_its_three_equal_channels_gave() -> None:
    torch.manual_seed(0)
    coloured, grey = (build(ModelSpec(width=0.125), (c, 16, 16), 10) for c in (3, 1))
    found = load(grey, weights(coloured.state_dict()), TEN)
    assert found.stem == "3 channels before, 1 now: summed"
    image = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(grey.eval()(image), coloured.eval()(image.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize("channels", [3, 4])
def test_more_channels_that_are_equal_give_what_one_gave(channels: int) -> None:
    grey, more = (build(ModelSpec(width=0.125), (c, 16, 16), 10) for c in (1, channels))
    load(more, weights(grey.state_dict()), TEN)
    image = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(more.eval()(image.expand(-1, channels, -1, -1)), grey.eval()(image))


def test_keys_that_do_not_fit_are_named() -> None:
    state = dict(build(ModelSpec(width=0.125), (1, 16, 16), 10).state_dict())
    del state["layer1.0.bn1.weight"]
    state["extra.weight"] = torch.zeros(1)
    state["layer2.0.conv1.weight"] = torch.zeros(1)
    with pytest.raises(ValueError, match=r"^they lack") as refused:
        load(build(ModelSpec(width=0.125), (1, 16, 16), 10), weights(state), TEN)
    assert str(refused.value) == (
        "they lack layer1.0.bn1.weight; hold besides extra.weight; "
        "have layer2.0.conv1.weight (1,) instead of (16, 8, 3, 3)"
    )


def test_wrappers_prefixes_half_precision_and_old_names_of_densenets_are_understood() -> None:
    new = dict(torchvision.models.densenet121(num_classes=10).state_dict())
    old = {
        f"module.{k.replace('.norm1.', '.norm.1.').replace('.conv2.', '.conv.2.')}": t.half()
        for k, t in new.items()
        if not k.endswith("num_batches_tracked")
    }
    found = named_as_torchvision({"state_dict": old, "epoch": 3})
    assert set(found) == {k for k in new if not k.endswith("num_batches_tracked")}
    assert {t.dtype for t in found.values()} == {torch.float32}
    load(build(ModelSpec(family="densenet", depth=121, stem="imagenet"), (3, 32, 32), 10), weights(found), TEN)
    with pytest.raises(ValueError, match="holds no tensors"):
        named_as_torchvision({"epoch": 3})


def test_a_digest_tells_numbers_and_normalization_apart_and_outlives_pickling() -> None:
    state = {k: t.clone() for k, t in build(ModelSpec(width=0.125), (1, 16, 16), 10).state_dict().items()}
    first = weights(state)
    assert pickle.loads(pickle.dumps(first, protocol=5)).digest == first.digest == weights(state).digest
    assert StartingWeights(tensors=state, mean=(1.0,), std=(2.0,)).digest != first.digest
    assert weights({**state, "fc.bias": state["fc.bias"] + 1}).digest != first.digest


def test_weights_of_timm_fit_our_resnet() -> None:
    timm = pytest.importorskip("timm")
    reference = timm.create_model("resnet18", num_classes=10).eval()
    ours = build(ModelSpec(stem="imagenet"), (3, 48, 48), 10)
    load(ours, weights(reference.state_dict()), TEN)
    images = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(images), reference(images))
