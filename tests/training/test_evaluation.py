import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fitscape.study.training import Settings, evaluation
from fitscape.study.training.evaluation import evaluate


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(256, (50, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5), nn.Flatten(), nn.Linear(16, 3))


LABELS = torch.arange(50) % 3


def test_losses_and_errors_are_those_of_eval_mode(
    images: torch.Tensor, net: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "PIXELS_PER_BATCH_ON_CPU", 16 * 16)  # 16 images per batch: the last has 2
    result = evaluate(net, images, LABELS, normalize=torch.Tensor.float, settings=Settings())
    with torch.no_grad():
        logits = net.eval()(images.float())
    torch.testing.assert_close(result.losses, F.cross_entropy(logits, LABELS, reduction="none"))
    assert torch.equal(result.wrong, logits.argmax(1) != LABELS)
    chosen = LABELS == 1
    assert result.error(chosen) == pytest.approx(result.wrong[chosen].float().mean().item())
    assert result.loss() == pytest.approx(result.losses.mean().item())


def test_evaluation_leaves_no_trace(images: torch.Tensor, net: nn.Module) -> None:
    before = {k: v.clone() for k, v in net.state_dict().items()}
    evaluate(net, images, LABELS, normalize=torch.Tensor.float, settings=Settings())
    assert net.training
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_image_with_a_non_finite_loss_is_wrong(images: torch.Tensor) -> None:
    class Dead(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.full((len(x), 3), float("nan"))

    result = evaluate(Dead(), images, LABELS, normalize=torch.Tensor.float, settings=Settings())
    assert result.error() == 1.0
    assert result.loss() != result.loss()


@pytest.mark.parametrize("fits", [1, 3, 16])
def test_a_batch_that_does_not_fit_is_halved_until_it_does(images: torch.Tensor, net: nn.Module, fits: int) -> None:
    seen: list[int] = []

    class Small(nn.Module):
        """A device that holds so many images at once."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if len(x) > fits:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            seen.append(len(x))
            logits: torch.Tensor = net(x)
            return logits

    whole = evaluate(net, images, LABELS, normalize=torch.Tensor.float, settings=Settings())
    small = Small()
    small.add_module("net", net)
    halved = evaluate(small, images, LABELS, normalize=torch.Tensor.float, settings=Settings())
    assert sum(seen) == len(images), "no image is left out, none comes twice"
    assert max(seen) <= fits
    torch.testing.assert_close(halved.losses, whole.losses)
    assert torch.equal(halved.predictions, whole.predictions)
    assert small.training


def test_an_image_that_does_not_fit_alone_is_told(images: torch.Tensor) -> None:
    class Full(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    with pytest.raises(torch.OutOfMemoryError):
        evaluate(Full(), images, LABELS, normalize=torch.Tensor.float, settings=Settings())


def test_another_error_is_no_lack_of_memory(images: torch.Tensor) -> None:
    calls: list[int] = []

    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append(len(x))
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        evaluate(Broken(), images, LABELS, normalize=torch.Tensor.float, settings=Settings())
    assert len(calls) == 1
