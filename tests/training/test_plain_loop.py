"""A check from outside: a plain loop that shares no code with ours comes to the same errors.

torchvision's networks, torch's loader, optimizer and batch norm, and its own ``update_bn`` before evaluating. Without
it the loop shows what evaluations with running statistics would: after few steps a net that has learned the digits is
measured as one that guesses.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models import DenseNet
from torchvision.models.resnet import BasicBlock, ResNet

from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Settings, run_trial

BATCH, RATE = 32, 0.02
SEEDS = {10: 3, 50: 2, 500: 2}
SPREAD = 0.03  # of an error over seeds at least: that of so few seeds is itself known badly
Errors = tuple[float, float]  # of training and validation


def resnet18() -> nn.Module:
    net = ResNet(BasicBlock, [2, 2, 2, 2], num_classes=10)
    net.conv1, net.maxpool = nn.Conv2d(1, 64, 3, padding=1, bias=False), nn.Identity()
    return net


def densenet121() -> nn.Module:
    """A quarter of the width; torchvision's stem is made for larger images."""
    net = DenseNet(growth_rate=8, block_config=(6, 12, 24, 16), num_init_features=16, num_classes=10)
    net.features.conv0, net.features.pool0 = nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.Identity()
    return net


NETS: dict[str, tuple[Callable[[], nn.Module], float]] = {
    "resnet18": (resnet18, 1.0),
    "densenet121": (densenet121, 0.25),
}


def plain_loop(make: Callable[[], nn.Module], steps: int, seed: int, data: TrialData) -> tuple[Errors, Errors]:
    """Errors with the running statistics, and after ``update_bn``."""
    torch.manual_seed(seed)
    pixels = data.train_images.float()
    train, val = ((images.float() - pixels.mean()) / pixels.std() for images in (data.train_images, data.val_images))
    loader = DataLoader(TensorDataset(train, data.train_labels), BATCH, shuffle=True, drop_last=True)
    net = make()
    for (
        layer
    ) in net.modules():  # torchvision draws for the backward pass, and smaller logits; our init is the other one
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(net.parameters(), RATE, momentum=0.9)
    done = 0
    while done < steps:
        for images, labels in loader:
            optimizer.zero_grad()
            F.cross_entropy(net(images), labels).backward()
            optimizer.step()
            done += 1
            if done == steps:
                break
    parts = ((train, data.train_labels), (val, data.val_labels))
    stale = tuple(error(net, *part) for part in parts)
    update_bn(loader, net.train())
    return stale, tuple(error(net, *part) for part in parts)


@torch.no_grad()
def error(net: nn.Module, images: Tensor, labels: Tensor) -> float:
    return float((net.eval()(images).argmax(1) != labels).double().mean())


def ours(name: str, width: float, steps: int, seed: int, data: TrialData) -> Errors:
    config = TrialConfig().with_hyperparameters(
        {
            "architecture": name,
            "width": width,
            "lr": RATE,
            "weight_decay": 0.0,
            "batch_size": BATCH,
            "schedule": "constant",
            "epochs": 1,
            "steps_per_epoch": steps,
            "seed": seed,
        }
    )
    (progress,) = run_trial(config, data, settings=Settings())
    return progress.record.train_error, progress.record.val_error


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# torchvision's ResNet comes in its full width only; the other net shows the same in a third of the time.
@pytest.mark.parametrize("steps", [10, *(pytest.param(n, marks=pytest.mark.slow) for n in (50, 500))])
@pytest.mark.parametrize("name", [pytest.param("resnet18", marks=pytest.mark.slow), "densenet121"])
def test_errors_are_those_of_a_plain_loop_within_the_noise_of_seeds(name: str, steps: int, digits: TrialData) -> None:
    make, width = NETS[name]
    seeds = range(SEEDS[steps])
    pairs = [plain_loop(make, steps, seed, digits) for seed in seeds]
    stale, theirs = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    found = np.array([ours(name, width, steps, seed, digits) for seed in seeds])
    spread = np.sqrt(np.maximum((found.var(0, ddof=1) + theirs.var(0, ddof=1)) / 2, SPREAD**2))
    assert (abs(found.mean(0) - theirs.mean(0)) <= 3 * spread * np.sqrt(2 / len(seeds))).all()
    if steps == 10:  # the lag
        assert (stale.mean(0) - theirs.mean(0) > 0.3).all()
    if steps == 500:  # no lag any more
        assert (abs(stale.mean(0) - theirs.mean(0)) < 0.03).all()
