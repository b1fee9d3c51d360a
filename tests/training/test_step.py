import pytest
import torch
from torch import nn

from fitscape.study.config import Optimization
from fitscape.study.training import Settings, TrialOutOfMemory
from fitscape.study.training.optimization import make_optimizer
from fitscape.study.training.randomness import Randomness
from fitscape.study.training.step import Gradients, TrainingStep
from fitscape.study.training.warm_up import Snapshot, fit

CPU = torch.device("cpu")
Batch = tuple[torch.Tensor, torch.Tensor]


class Limited(nn.Linear):
    """Runs out of memory on more than ``fits`` images."""

    fits = 4

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return super().forward(x)


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(7, 5, generator=generator), torch.randint(3, (7,), generator=generator)


def gradient(net: nn.Linear) -> torch.Tensor:
    assert net.weight.grad is not None
    return net.weight.grad


def first_step(net: nn.Module, batch: Batch, *, whole: bool = False, optimizer: str = "sgd") -> TrainingStep:
    made = make_optimizer(net, Optimization(lr=0.1, optimizer=optimizer))  # type: ignore[arg-type]
    step = TrainingStep(lambda: batch, Gradients(net, Settings()), made, CPU)
    randomness = Randomness(0, CPU)
    with randomness.running():
        fit(step, step.whole if whole else step.backward, Snapshot(net, made, randomness))
    return step


def test_batch_that_does_not_fit_is_halved_and_stays_so(batch: Batch) -> None:
    net, whole = Limited(5, 3), nn.Linear(5, 3)
    whole.load_state_dict(net.state_dict())
    step = first_step(net, batch)
    expected = Gradients(whole, Settings()).compute(*batch)
    assert step.gradients.parts == 2
    torch.testing.assert_close(step.total, expected)
    torch.testing.assert_close(gradient(net), gradient(whole))


def test_attempt_that_does_not_fit_leaves_no_trace(batch: Batch) -> None:
    def net() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.BatchNorm1d(5), nn.Dropout(0.5), Limited(5, 3))

    halved, always = net(), net()
    first_step(halved, batch)
    made = make_optimizer(always, Optimization(lr=0.1))
    gradients = Gradients(always, Settings())
    gradients.parts = 2
    with Randomness(0, CPU).running():
        gradients.compute(*batch)
    assert made.state == {}
    for (name, one), other in zip(halved.state_dict().items(), always.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(halved.parameters(), always.parameters(), strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_step_that_is_undone_leaves_weights_statistics_streams_and_momentum(batch: Batch, optimizer: str) -> None:
    def losses(*, warm_up: bool) -> list[float]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3))
        made = make_optimizer(net, Optimization(lr=0.1, optimizer=optimizer))  # type: ignore[arg-type]
        step = TrainingStep(lambda: batch, Gradients(net, Settings()), made, CPU)
        randomness = Randomness(3, CPU)
        with randomness.running():
            if warm_up:
                snapshot = Snapshot(net, made, randomness)
                for _ in range(2):
                    step.whole()
                snapshot.restore()
            found = []
            for _ in range(4):
                step.total.zero_()
                step.whole()
                found.append(step.total.item())
        return [*found, *net.state_dict()["0.running_mean"].tolist(), *net.state_dict()["2.weight"].flatten().tolist()]

    assert losses(warm_up=True) == losses(warm_up=False)


def test_half_a_batch_that_does_not_fit_fails_the_trial(batch: Batch) -> None:
    net = Limited(5, 3)
    net.fits = 3
    with pytest.raises(TrialOutOfMemory, match=r"^oom"):
        first_step(net, batch)


def test_cpu_allocator_counts_as_out_of_memory(batch: Batch) -> None:
    class Huge(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.empty(2**55)

    with pytest.raises(TrialOutOfMemory, match=r"^oom"):
        first_step(Huge(5, 3), batch)


def test_other_errors_pass(batch: Batch) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        first_step(nn.Linear(4, 3), batch)


def test_gradient_is_of_this_batch_alone(batch: Batch) -> None:
    net = nn.Linear(5, 3)
    gradients = Gradients(net, Settings())
    gradients.compute(*batch)
    first = gradient(net).clone()
    gradients.compute(*batch)
    torch.testing.assert_close(gradient(net), first)
