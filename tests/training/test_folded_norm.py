import copy

import pytest
import torch
from torch import nn

from fitscape.study.training.folded_norm import FoldedBatchNorm2d, fold_narrow_norms


def images(channels: int, dtype: torch.dtype = torch.float32, side: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, channels, side, side, generator=generator) * 2 + 5
    return x.to(dtype).to(memory_format=torch.channels_last)


@pytest.fixture
def norm() -> nn.BatchNorm2d:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(12)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 2e-2)])
def test_folded_is_batch_norm_forward_and_backward(norm: nn.BatchNorm2d, dtype: torch.dtype, tolerance: float) -> None:
    folded = nn.Sequential(copy.deepcopy(norm))
    fold_narrow_norms(folded)
    assert isinstance(folded[0], FoldedBatchNorm2d)
    gradient = torch.randn_like(images(12, dtype))
    sides = []
    for net in (norm, folded):
        x = images(12, dtype).requires_grad_()
        out = net(x)
        out.backward(gradient)
        sides.append([out, x.grad, *(p.grad for p in net.parameters()), *net.buffers()])
    for expected, actual in zip(*sides, strict=True):
        assert expected is not None
        assert actual is not None
        scale = expected.detach().abs().max().item()
        torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance * scale)
    assert "Folded" in type(folded(images(12).requires_grad_()).grad_fn).__name__


def test_eval_mode_uses_the_running_statistics(norm: nn.BatchNorm2d) -> None:
    folded = nn.Sequential(copy.deepcopy(norm))
    fold_narrow_norms(folded)
    assert torch.equal(folded.eval()(images(12)), norm.eval()(images(12)))


@pytest.mark.parametrize("x", [images(12, side=4), images(12).contiguous(), images(12)[:63, :, :31, :31]])
def test_other_inputs_take_torchs_path(norm: nn.BatchNorm2d, x: torch.Tensor) -> None:
    folded = nn.Sequential(copy.deepcopy(norm))
    fold_narrow_norms(folded)
    assert torch.equal(folded(x), norm(x))


def test_wide_norms_stay() -> None:
    net = nn.Sequential(nn.BatchNorm2d(16), nn.GroupNorm(1, 8))
    fold_narrow_norms(net)
    assert [type(m) for m in net] == [nn.BatchNorm2d, nn.GroupNorm]
