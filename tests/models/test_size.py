"""Counting a network leaves torch's compiler alone, which takes a second and a half to load."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fitscape.models.size import count, measure
from fitscape.models.spec import ModelSpec

ALL = """
import sys
from fitscape.models.size import measure
from fitscape.models.build import build
from fitscape.models.spec import ModelSpec
for family, depth in (("densenet", 121), ("resnet", 18), ("plain", 20)):
    for norm in ("batch", "group", "none"):
        for stem in ("small", "imagenet"):
            spec = ModelSpec(family=family, depth=depth, width=0.125, norm=norm, stem=stem)
            measure(spec, (3, 32, 32), 10)
    build(spec, (3, 32, 32), 10)
print({"torch._dynamo", "sympy", "torchvision"} & set(sys.modules))
"""


def test_no_network_of_ours_loads_the_compiler_or_torchvision() -> None:
    run = subprocess.run([sys.executable, "-c", ALL], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


@pytest.mark.parametrize("stem", ["small", "imagenet"])
@pytest.mark.parametrize("shape", [(1, 29, 31), (3, 32, 47)])
def test_shapes_without_numbers_are_those_of_real_images(stem: str, shape: tuple[int, int, int]) -> None:
    from fitscape.models.build import build

    spec = ModelSpec(family="densenet", depth=121, width=0.125, stem=stem)
    assert measure(spec, shape, 10) == count(build(spec, shape, 10), torch.empty(1, *shape))


def test_measuring_does_not_touch_what_torch_does_afterwards() -> None:
    measure(ModelSpec(depth=20, width=0.125), (1, 8, 8), 10)
    out = nn.Conv2d(1, 2, 3, stride=2)(torch.ones(1, 1, 8, 8))
    assert out.shape == (1, 2, 3, 3)
    assert out.isfinite().all()


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_a_net_in_the_mode_it_was_in(training: bool) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 10)).train(training)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert count(net, torch.ones(1, 1, 8, 8)) == (2 * 9 + 2 + 2 + 2 + 720 + 10, 2 * (36 * 18 + 720))
    assert {layer.training for layer in net.modules()} == {training}
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("name", ["levit_128s", "beit_base_patch16_224", "eva02_tiny_patch14_224", "test_convnext"])
def test_every_product_of_a_network_of_timm_is_counted(name: str) -> None:
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        model = timm.create_model(name, num_classes=10).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.empty(1, 3, 224, 224))
    assert measure(ModelSpec(family=f"timm:{name}"), (3, 224, 224), 10)[1] == counter.get_total_flops()
