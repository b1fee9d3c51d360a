import math

import pytest
import torch
from torch import nn

from fitscape.study.training.gradients import GradientProbe


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 4), nn.Linear(4, 2))
    net(torch.randn(3, 1, 4, 4)).square().sum().backward()
    return net


def weights(net: nn.Module) -> list[torch.Tensor]:
    return [net.get_parameter(f"{i}.weight") for i in (0, 2, 3)]


def test_profile_holds_the_norms_of_each_layer(net: nn.Module) -> None:
    probe = GradientProbe(net)
    probe.observe(0, full=True)
    (profile,), ratio = probe.drain()
    gradients = [w.grad.norm().item() for w in weights(net) if w.grad is not None]
    assert (profile.step, profile.layers) == (0, ("0", "2", "3"))
    assert profile.gradient_norms == pytest.approx(gradients)
    assert profile.weight_norms == pytest.approx([w.norm().item() for w in weights(net)])
    assert ratio == pytest.approx(profile.first_last_ratio)


def test_ratio_is_the_median_over_probed_steps(net: nn.Module) -> None:
    probe = GradientProbe(net)
    first = weights(net)[0]
    assert first.grad is not None
    for step, scale in ((0, 1.0), (3, 100.0), (5, 2.0), (10, 3.0)):  # step 3 is not probed
        first.grad.mul_(scale)
        probe.observe(step, full=False)
        first.grad.div_(scale)
    probe.observe(11, full=True)
    (profile,), ratio = probe.drain()
    assert ratio == pytest.approx(1.5 * profile.first_last_ratio)


def test_no_ratio_after_the_first_500_steps(net: nn.Module) -> None:
    probe = GradientProbe(net)
    probe.observe(500, full=True)
    profiles, ratio = probe.drain()
    assert len(profiles) == 1
    assert ratio is None
    assert probe.drain() == ((), None)


def test_non_finite_gradient_stays_non_finite(net: nn.Module) -> None:
    last = weights(net)[-1]
    assert last.grad is not None
    last.grad.fill_(float("nan"))
    probe = GradientProbe(net)
    probe.observe(0, full=True)
    (profile,), ratio = probe.drain()
    assert math.isnan(profile.gradient_norms[-1])
    assert ratio is not None
    assert math.isnan(ratio)
