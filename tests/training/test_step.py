import pytest
import torch
from torch import nn

from fitscape.study.training import Settings, TrialOutOfMemory
from fitscape.study.training.step import Gradients


class Limited(nn.Linear):
    """Runs out of memory on more than ``fits`` images."""

    fits = 4

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return super().forward(x)


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(7, 5, generator=generator), torch.randint(3, (7,), generator=generator)


def gradient(net: nn.Linear) -> torch.Tensor:
    assert net.weight.grad is not None
    return net.weight.grad


def test_batch_that_does_not_fit_is_halved_and_stays_so(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    net, whole = Limited(5, 3), nn.Linear(5, 3)
    whole.load_state_dict(net.state_dict())
    gradients = Gradients(net, Settings())
    loss = gradients.compute(*batch)
    expected = Gradients(whole, Settings()).compute(*batch)
    assert gradients.parts == 2
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient(net), gradient(whole))


def test_half_a_batch_that_does_not_fit_fails_the_trial(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    net = Limited(5, 3)
    net.fits = 3
    with pytest.raises(TrialOutOfMemory, match=r"^oom"):
        Gradients(net, Settings()).compute(*batch)


def test_cpu_allocator_counts_as_out_of_memory() -> None:
    class Huge(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.empty(2**55)

    with pytest.raises(TrialOutOfMemory, match=r"^oom"):
        Gradients(Huge(5, 3), Settings()).compute(torch.randn(4, 5), torch.zeros(4, dtype=torch.int64))


def test_other_errors_pass(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        Gradients(nn.Linear(4, 3), Settings()).compute(*batch)


def test_gradient_is_of_this_batch_alone(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    net = nn.Linear(5, 3)
    gradients = Gradients(net, Settings())
    gradients.compute(*batch)
    first = gradient(net).clone()
    gradients.compute(*batch)
    torch.testing.assert_close(gradient(net), first)
