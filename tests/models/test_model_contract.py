"""What every network must do, whatever its family and hyperparameters. A new family is tested by being registered."""

import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fitscape.models.build import build
from fitscape.models.layers import weight_layers
from fitscape.models.size import count, measure
from fitscape.models.spec import ModelSpec, architectures, parse_architecture

INPUT = (1, 8, 8)
CLASSES = 10


def spec_of(architecture: str, **hyperparameters: object) -> ModelSpec:
    family, depth = parse_architecture(architecture)
    return ModelSpec(family=family, depth=depth, **{"width": 0.125, **hyperparameters})  # type: ignore[arg-type]


EVERY_DEPTH = [spec_of(name) for name in architectures()]
EVERY_HYPERPARAMETER = [
    spec_of(name, **hyperparameters)
    for name in ("resnet18", "resnet20", "plain20", "densenet121")
    for hyperparameters in (
        {"norm": "group"},
        {"norm": "none"},
        {"init": "glorot"},
        {"init": "gaussian"},
        {"dropout": 0.2, "width": 0.3},
    )
] + [
    spec_of("resnet18", shortcut="identity"),
    spec_of("resnet20", shortcut="projection"),
    spec_of("resnet20", shortcut="projection", norm="none"),
    spec_of("densenet121", growth_rate=12, width=1.0),
]


def describe(spec: ModelSpec) -> str:
    differs = {k: v for k, v in vars(spec).items() if v != getattr(ModelSpec(), k)}
    return "-".join([spec.name, *(f"{k}={v}" for k, v in differs.items() if k not in ("family", "depth"))])


every_network = pytest.mark.parametrize("spec", EVERY_DEPTH + EVERY_HYPERPARAMETER, ids=describe)


def seeded(spec: ModelSpec, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build(spec, INPUT, CLASSES)


def images(count: int = 4) -> torch.Tensor:
    return torch.randn(count, *INPUT, generator=torch.Generator().manual_seed(1))


def same_state(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


@every_network
def test_every_parameter_receives_a_finite_nonzero_gradient(spec: ModelSpec) -> None:
    model = seeded(spec)
    logits = model(images(8))
    assert logits.shape == (8, CLASSES)
    F.cross_entropy(logits, torch.arange(8)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@every_network
def test_weight_layers_are_as_many_as_the_depth_and_run_in_this_order(spec: ModelSpec) -> None:
    model = seeded(spec)
    layers = weight_layers(model)
    ran: list[nn.Module] = []
    for _, layer in layers:
        layer.register_forward_hook(lambda module, *_: ran.append(module))
    model(images(2))
    assert len(layers) == spec.depth
    assert ran == [layer for _, layer in layers]
    assert all(model.get_submodule(name) is layer for name, layer in layers)


@every_network
def test_measured_parameters_are_those_of_the_built_network(spec: ModelSpec) -> None:
    parameters, flops = measure(spec, INPUT, CLASSES)
    assert parameters == sum(p.numel() for p in seeded(spec).parameters())
    assert flops > 0


@every_network
def test_counted_flops_are_torchs_own_count(spec: ModelSpec) -> None:
    model = seeded(spec).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(images(1))
    assert count(model, images(1)) == (measure(spec, INPUT, CLASSES)[0], counter.get_total_flops())


@every_network
def test_counting_leaves_the_network_as_it_was(spec: ModelSpec) -> None:
    counted, untouched = seeded(spec), seeded(spec)
    count(counted, images(1))
    assert counted.training
    assert same_state(counted, untouched)
    assert not any(module._forward_hooks for module in counted.modules())


@every_network
def test_the_seed_alone_decides_the_weights(spec: ModelSpec) -> None:
    first = seeded(spec, seed=3)
    assert same_state(first, seeded(spec, seed=3))
    assert not same_state(first, seeded(spec, seed=4))


@every_network
def test_a_network_survives_pickling_and_its_state_dict_carries_it_over(spec: ModelSpec) -> None:
    model = seeded(spec)
    model(images())  # moves the running statistics away from where they start
    unpickled = pickle.loads(pickle.dumps(model))
    loaded = seeded(spec, seed=9)
    loaded.load_state_dict(model.state_dict(), strict=True)
    with torch.no_grad():
        expected = model.eval()(images())
        assert torch.equal(unpickled.eval()(images()), expected)
        assert torch.equal(loaded.eval()(images()), expected)


@pytest.mark.parametrize(
    "spec",
    [
        spec_of("plain20"),
        spec_of("resnet56", width=0.5),
        spec_of("resnet18", norm="group"),
        spec_of("densenet121"),
    ],
    ids=describe,
)
def test_a_network_learns_a_handful_of_images(spec: ModelSpec) -> None:
    model = seeded(spec)
    x, labels = images(20), torch.arange(20) % CLASSES
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    losses = []
    for _ in range(40):
        loss = F.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
