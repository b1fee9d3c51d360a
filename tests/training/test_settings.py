import pytest
import torch

from fitscape.study.training import Settings


def test_unknown_device_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="device: 'abacus'"):
        Settings(device="abacus")


def test_no_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="threads: 0"):
        Settings(threads=0)


def test_missing_gpu_is_told_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    settings = Settings(device="cuda")  # a driver without a GPU may pass it on
    with pytest.raises(ValueError, match="device: 'cuda'"):
        _ = settings.torch_device


def test_bf16_computes_in_bf16_and_keeps_fp32_weights() -> None:
    net = torch.nn.Linear(2, 2)
    with Settings(precision="bf16").autocast():
        assert net(torch.ones(1, 2)).dtype == torch.bfloat16
    with Settings().autocast():
        assert net(torch.ones(1, 2)).dtype == torch.float32
    assert net.weight.dtype == torch.float32
