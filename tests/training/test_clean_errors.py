"""``fitscape.log_clean_errors`` in loops of other people: clean numbers, and training as if nothing had happened."""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import fitscape
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.errors import UserError
from fitscape.study.training import Settings, run_trial
from fitscape.study.training.state import TrialRun

N = 90


def images(n: int = N, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two classes of noise, one of them brighter, sorted by class as folders are."""
    labels = (torch.arange(n) >= n // 2).long()
    pixels = torch.randn(n, 1, 6, 6, generator=torch.Generator().manual_seed(seed)) + labels.view(-1, 1, 1, 1)
    return pixels, labels


def net() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)]
    return nn.Sequential(*layers)


class Noisy(Dataset[Any]):
    """Images that are flipped at random."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self.chance = chance
        self.pixels, self.labels = images()

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        flipped = self.pixels[index].flip(-1) if self.chance() < 0.5 else self.pixels[index]
        return flipped, int(self.labels[index])


def trained(measure: Callable[[nn.Module], object], epochs: int = 2) -> dict[str, Tensor]:
    """State of a net after epochs of augmented, shuffled training with dropout; something is measured after each."""
    model, loader = net(), DataLoader(Noisy(random.random), 16, shuffle=True)
    model[0].train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        measure(model)
        np.random.rand()
    grads = {f"grad {name}": p.grad for name, p in model.named_parameters()}
    return {**model.state_dict(), **grads, "numpy": torch.tensor(np.random.rand()), "torch": torch.rand(1)}


def test_training_goes_on_to_the_bit_as_if_nothing_had_been_measured() -> None:
    stream = torch.Generator().manual_seed(5)
    sets = (DataLoader(TensorDataset(*images()), 16, shuffle=True, generator=stream), images(seed=1))

    def measure(model: nn.Module) -> None:
        before = stream.get_state()
        assert fitscape.log_clean_errors(model, *sets).keys() >= {"clean_train_error", "clean_gap"}
        assert all(module.training for module in model.modules())
        assert torch.equal(stream.get_state(), before)

    def seeded(measure: Callable[[nn.Module], object]) -> dict[str, Tensor]:
        random.seed(1)
        np.random.seed(1)
        return trained(measure)

    one, other = seeded(lambda model: None), seeded(measure)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    "form",
    [
        lambda x, y: (x, y),
        lambda x, y: TensorDataset(x, y),
        lambda x, y: DataLoader(TensorDataset(x, y), batch_size=30),
        lambda x, y: DataLoader(TensorDataset(x, y), batch_size=30, shuffle=True),
    ],
)
def test_the_forms_of_images_are_measured_alike_and_sorted_classes_are_mixed(form: Callable[..., Any]) -> None:
    model, (x, y) = net(), images()
    found = fitscape.log_clean_errors(model, form(x, y), form(*images(seed=1)), batch_size=30)
    expected = copy.deepcopy(model).eval()
    mixed = torch.randperm(N, generator=torch.Generator().manual_seed(0)).split(30)
    means = torch.stack([expected[0](x[part]).mean((0, 2, 3)) for part in mixed]).mean(0)
    variances = torch.stack([expected[0](x[part]).var((0, 2, 3)) for part in mixed]).mean(0)
    expected[1].running_mean, expected[1].running_var = means.detach(), variances.detach()
    wrong = expected(x).argmax(1) != y
    assert found["clean_train_error"] == pytest.approx(wrong.double().mean().item())
    assert found["clean_train_loss"] == pytest.approx(nn.functional.cross_entropy(expected(x), y).item(), rel=1e-5)
    assert found["clean_train_n"] == found["clean_val_n"] == N
    assert found["clean_gap"] == found["clean_val_error"] - found["clean_train_error"]


def test_the_engine_measures_the_same(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    config = tiny(epochs=1, norm="none", steps_per_epoch=4)
    *_, last = run_trial(config, digits, settings=Settings())
    trial = TrialRun(config, digits, Settings())
    trial.restore(last.checkpoint())
    train, val = (
        (trial.normalize(pixels), labels)
        for pixels, labels in ((trial._probe_images, trial.probe_labels), (digits.val_images, digits.val_labels))
    )
    found = fitscape.log_clean_errors(trial.model, train, val)
    assert found["clean_train_error"] == last.record.train_error
    assert found["clean_val_error"] == last.record.val_error
    assert found["clean_val_loss"] == pytest.approx(last.record.val_loss, rel=1e-4)


def test_how_much_of_the_logged_gap_is_an_artefact_is_logged_once() -> None:
    logged: list[dict[str, float]] = []
    found = fitscape.log_clean_errors(
        net(), images(), images(seed=1), log=logged.append, logged_train_error=0.6, logged_val_error=0.5
    )
    assert logged == [found]
    assert found["logged_gap"] == pytest.approx(-0.1)
    assert found["gap_artefact"] == pytest.approx(-0.1 - found["clean_gap"])


def test_layers_held_in_eval_mode_keep_their_statistics() -> None:
    model = net()
    held = model[1].eval()
    held.running_mean.fill_(7.0)
    held.forward = lambda x, of=held.forward: seen.append(held.running_mean.clone()) or of(x)
    seen: list[Tensor] = []
    fitscape.log_clean_errors(model, images(), images(seed=1))
    assert all((mean == 7.0).all() for mean in seen)
    assert not held.training
    assert model.training


def test_a_model_that_caches_can_be_trained_on() -> None:
    class Caching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.table = nn.Parameter(torch.ones(36, 2)), None

        def forward(self, x: Tensor) -> Tensor:
            if self.table is None:
                self.table = torch.arange(36.0)
            return (x.flatten(1) * self.table) @ self.weight

    model = Caching()
    with torch.inference_mode():  # as Lightning's hooks of validation are
        fitscape.log_clean_errors(model, images(), images(seed=1))
    model(images()[0]).sum().backward()


def test_what_fails_leaves_no_trace() -> None:
    model, state = net(), torch.get_rng_state()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(RuntimeError):
        fitscape.log_clean_errors(model, images(), (torch.zeros(4, 3, 6, 6), torch.zeros(4).long()))
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def one_pass() -> Iterator[tuple[Tensor, Tensor]]:
    yield images()


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (Noisy(lambda: torch.rand(1).item()), "train_subset: image .* differs when it is read again"),
        (Noisy(np.random.rand), "so it is augmented"),
        (one_pass(), "is a generator, and has to be read more than once"),
        ([{"pixels": images()[0]}], "batches that are a dict, and they have to begin with images and labels"),
        ([(images()[0], torch.rand(N, 2))], "one class number for each image"),
        ((torch.zeros(0, 1, 6, 6), torch.zeros(0).long()), "train_subset: holds no image"),
        (3, "is a int"),
    ],
)
def test_images_that_tell_nothing_are_refused_in_a_line(train: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        fitscape.log_clean_errors(net(), train, images())


def test_a_model_without_logits_is_refused() -> None:
    with pytest.raises(UserError, match=r"model: gives \[90, 36, 1\] for 90 images"):
        fitscape.log_clean_errors(nn.Sequential(nn.Flatten(), nn.Unflatten(1, (36, 1))), images(), images())
