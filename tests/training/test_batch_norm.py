"""Statistics re-estimated for an evaluation: they are the right ones, and training never learns of them."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn
from torch.utils._python_dispatch import TorchDispatchMode

from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Settings, run_trial
from fitscape.study.training.batch_norm import choose_images, reestimated
from fitscape.study.training.checkpoint import unpack
from fitscape.study.training.folded_norm import FoldedBatchNorm2d, fold_narrow_norms

Tiny = Callable[..., TrialConfig]
AUTOCAST = Settings().autocast()


def net() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(6 * 16, 3))
    model(torch.randn(8, 2, 8, 8) * 5 + 3)  # running averages of something else
    return model


def batches(count: int = 3, size: int = 16) -> list[torch.Tensor]:
    return list(torch.randn(count, size, 2, 8, 8, generator=torch.Generator().manual_seed(1)))


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_inside_they_are_those_of_torch_and_outside_as_before() -> None:
    model = net()
    before, random = state(model), torch.get_rng_state()
    expected = copy.deepcopy(model)
    expected[2].p = 0.0  # update_bn leaves dropout on; evaluations have none
    update_bn(batches(), expected)
    with reestimated(model, batches(), AUTOCAST):
        for name, tensor in expected.state_dict().items():
            torch.testing.assert_close(model.state_dict()[name], tensor)
        assert model.training
    assert same(state(model), before)
    assert torch.equal(torch.get_rng_state(), random)
    assert [m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm2d)] == [0.1, 0.1]


def test_what_fails_inside_leaves_no_trace() -> None:
    model = net()
    before = state(model)
    with pytest.raises(KeyError), reestimated(model, batches(), AUTOCAST):
        raise KeyError
    with pytest.raises(RuntimeError), reestimated(model, [torch.randn(4, 3, 8, 8)], AUTOCAST):  # a channel too many
        raise AssertionError
    assert same(state(model), before)
    assert all(module.training for module in model.modules())
    assert [m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm2d)] == [0.1, 0.1]


def test_averages_that_are_not_finite_do_not_outlast_their_weights() -> None:
    model = net()
    model[1].running_var.fill_(float("nan"))
    with reestimated(model, batches(), AUTOCAST):
        assert model[1].running_var.isfinite().all()
    assert model[1].running_var.isnan().all()


def test_folded_norms_are_re_estimated_like_others() -> None:
    plain = net()
    folded = copy.deepcopy(plain)
    fold_narrow_norms(folded)
    assert sum(isinstance(m, FoldedBatchNorm2d) for m in folded.modules()) == 2
    images = [torch.randn(2048, 2, 8, 8).to(memory_format=torch.channels_last) for _ in range(2)]
    with reestimated(plain, images, AUTOCAST), reestimated(folded, images, AUTOCAST):
        for name, tensor in plain.state_dict().items():
            torch.testing.assert_close(folded.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)


def test_layers_of_timm_that_are_made_like_batch_norm_are_re_estimated() -> None:
    layers = pytest.importorskip("timm.layers")
    for layer in (layers.BatchNormAct2d(2), layers.EvoNorm2dB0(2)):
        layer(torch.randn(16, 2, 4, 4) * 9)
        before = state(layer)
        images = torch.randn(64, 2, 4, 4)
        with reestimated(layer, [images], AUTOCAST):
            torch.testing.assert_close(layer.running_var, images.transpose(0, 1).flatten(1).var(1), rtol=0.02, atol=0)
        assert same(state(layer), before)


@pytest.mark.parametrize("other", [nn.GroupNorm(2, 4), nn.Identity(), nn.BatchNorm2d(4, track_running_stats=False)])
def test_norms_without_averages_cost_nothing(other: nn.Module) -> None:
    def unwanted() -> Any:
        raise AssertionError("an image was asked for")
        yield

    with reestimated(nn.Sequential(nn.Conv2d(2, 4, 3), other), unwanted(), AUTOCAST):
        pass


class Reads(TorchDispatchMode):
    """Counts what would wait for a device."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


def test_nothing_waits_for_the_device() -> None:
    model, images = net(), batches()
    with Reads() as reads:
        images[0].sum().item()
        with reestimated(model, images, AUTOCAST):
            pass
    assert reads.count == 1  # the one of this test


@pytest.mark.parametrize(
    ("subset", "epoch_images", "batch_size", "expected"),
    [
        (1000, 1152, 128, [115]),  # a tenth of the epoch
        (1000, 100, 64, [64]),  # no fewer than 64
        (23, 23, 23, [23]),  # the whole subset
        (5000, 48_000, 128, [128] * 8),  # no more than 1024
        (1000, 1280, 48, [42] * 3),  # equal parts
        (100, 64, 2, [16] * 4),  # not by twos
        (1, 1, 1, [1]),
    ],
)
def test_as_many_images_as_are_needed_and_paid_for(
    subset: int, epoch_images: int, batch_size: int, expected: list[int]
) -> None:
    chosen = choose_images(torch.arange(subset), epoch_images=epoch_images, batch_size=batch_size)
    assert [len(batch) for batch in chosen] == expected
    assert torch.equal(torch.cat(chosen), torch.arange(sum(expected)))


def test_training_is_the_same_to_the_bit(digits: TrialData, tiny: Tiny) -> None:
    random = {"dropout": 0.3, "augment": "crop_flip_cutout", "label_noise": 0.3}
    ends = []
    for batch_norm in ("running", "reestimated"):
        trial = run_trial(tiny(**random, batch_norm=batch_norm), digits, settings=Settings())
        progress = [(p.record.batch_loss, p.record.gradients, p.record.val_loss, p.checkpoint()) for p in trial]
        ends.append(progress)
    for running, fresh in zip(*ends, strict=True):
        assert running[:2] == fresh[:2]
        assert running[2] != fresh[2]
        one, other = unpack(running[3]), unpack(fresh[3])
        assert same(one["model"], other["model"])
        assert torch.equal(one["randomness"]["default"]["cpu"], other["randomness"]["default"]["cpu"])
        for parameter, values in one["optimizer"]["state"].items():
            assert torch.equal(values["momentum_buffer"], other["optimizer"]["state"][parameter]["momentum_buffer"])


def test_a_fitted_net_is_not_measured_as_one_that_guesses(digits: TrialData, tiny: Tiny) -> None:
    def last(batch_norm: str) -> float:
        config = tiny(depth=18, epochs=10, batch_size=128, batch_norm=batch_norm)
        *_, progress = run_trial(config, digits, settings=Settings())
        return progress.record.train_error

    assert last("running") > 0.4
    assert last("reestimated") < 0.1
