import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import nn

from fitscape.study.config import Optimization
from fitscape.study.training.optimization import lay_out_like_parameters, learning_rate, make_optimizer


def rates(schedule: str, total: int = 100) -> list[float]:
    config = Optimization(lr=0.5, schedule=schedule)
    return [learning_rate(config, step, total) for step in range(total)]


def test_one_cycle_is_torchs() -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=100)
    expected = []
    for _ in range(100):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates("one_cycle") == pytest.approx(expected)


def test_cosine_falls_from_the_peak_towards_zero() -> None:
    cosine = rates("cosine")
    assert cosine[0] == 0.5
    assert cosine[50] == pytest.approx(0.25)
    assert cosine == sorted(cosine, reverse=True)
    assert 0 < cosine[-1] < 0.001


def test_step_divides_by_ten_at_half_and_three_quarters() -> None:
    step = rates("step")
    assert [step[i] for i in (0, 49, 50, 74, 75, 99)] == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005, 0.005])


def test_constant_stays() -> None:
    assert set(rates("constant")) == {0.5}


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "constant", "step"])
def test_a_single_step_has_a_rate_above_zero(schedule: str) -> None:
    assert rates(schedule, total=1)[0] > 0


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_decay_shrinks_weights_and_leaves_gains_and_biases(optimizer: str) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    before = {name: p.clone() for name, p in net.named_parameters()}
    config = Optimization(optimizer=optimizer, lr=0.1, weight_decay=0.5)
    optimizer_ = make_optimizer(net, config)
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    optimizer_.step()
    for name, p in net.named_parameters():
        shrunk = before[name] * (0.95 if p.ndim > 1 else 1.0)
        torch.testing.assert_close(p.detach(), shrunk.detach())


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("sgd", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, fused=True)),
        ("adamw", lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.9, 0.999), weight_decay=0.01, fused=True)),
    ],
)
def test_steps_and_state_are_torchs_bit_for_bit(
    name: str, theirs: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
) -> None:
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(4, 4))]
    copies = [nn.Parameter(w.detach().clone()) for w in weights]
    ours = make_optimizer(nn.ParameterList(weights), Optimization(optimizer=name, lr=0.1, weight_decay=0.01))
    reference = theirs(copies)
    for step in range(3):
        for w, c in zip(weights, copies, strict=True):
            w.grad = torch.full_like(w, step - 0.5)
            c.grad = w.grad.clone()
        ours.step()
        reference.step()
        ours.load_state_dict(deepcopy(reference.state_dict()))  # either reads the other's
        reference.load_state_dict(deepcopy(ours.state_dict()))
    for w, c in zip(weights, copies, strict=True):
        assert torch.equal(w, c)


def test_training_needs_no_compiler() -> None:
    code = """
import sys, torch
from fitscape.study.config import Optimization
from fitscape.study.training.optimization import make_optimizer
for name in ("sgd", "adamw"):
    net = torch.nn.Linear(2, 2)
    optimizer = make_optimizer(net, Optimization(optimizer=name))
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_momentum_of_another_layout_goes_to_its_own_weights(optimizer: str) -> None:
    config = Optimization(optimizer=optimizer, lr=0.1)  # type: ignore[arg-type]

    def trained(second_layout: torch.memory_format) -> torch.Tensor:
        torch.manual_seed(0)
        conv = nn.Conv2d(3, 5, 3, bias=False).to(memory_format=torch.channels_last)
        first = make_optimizer(conv, config)
        for step in range(2):
            conv.weight.grad = torch.arange(conv.weight.numel()).view_as(conv.weight).float().cos() + step
            first.step()
        conv = conv.to(memory_format=second_layout)
        second = make_optimizer(conv, config)
        second.load_state_dict(first.state_dict())
        lay_out_like_parameters(second)
        conv.weight.grad = torch.zeros_like(conv.weight)
        second.step()
        return conv.weight.detach().contiguous()

    assert torch.allclose(trained(torch.contiguous_format), trained(torch.channels_last))


def decayed(model: nn.Module) -> set[str]:
    optimizer = make_optimizer(model, Optimization(weight_decay=0.1))
    chosen = {id(p) for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(model.parameters()))
    return {name for name, parameter in model.named_parameters() if id(parameter) in chosen}


def test_decay_acts_on_what_multiplies_and_on_nothing_else() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cls_token, self.pos_embed = nn.Parameter(torch.zeros(1, 1, 4)), nn.Parameter(torch.zeros(1, 9, 4))
            self.relative_position_bias_table = nn.Parameter(torch.zeros(25, 2))
            self.attention = nn.MultiheadAttention(4, 2)
            self.convolution, self.linear = nn.Conv2d(4, 4, 3), nn.Linear(4, 4)
            self.norm, self.batch, self.position = nn.LayerNorm((4, 4)), nn.BatchNorm2d(4), nn.Embedding(9, 4)

    weights = {"attention.in_proj_weight", "attention.out_proj.weight", "convolution.weight", "linear.weight"}
    assert decayed(Odd()) == weights


@pytest.mark.parametrize("name", ["test_vit", "beit_base_patch16_224", "swin_tiny_patch4_window7_224", "levit_128s"])
def test_decay_spares_tokens_positions_and_bias_tables_of_timm(name: str) -> None:
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        model = timm.create_model(name)
    matrices = {n for n, p in model.named_parameters() if p.ndim > 1}
    assert decayed(model) == {n for n in matrices if n.endswith("weight")}
    spared = matrices - decayed(model)
    assert spared
    assert all(any(word in n for word in ("token", "pos_embed", "bias")) for n in spared)
