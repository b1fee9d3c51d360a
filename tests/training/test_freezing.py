"""What is frozen stays as it is, bit for bit, through training and evaluation; the rest learns at its own rate."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fitscape.models.stages import stages
from fitscape.models.starting_weights import StartingWeights
from fitscape.study.config import Optimization, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Settings, run_trial
from fitscape.study.training.network import make_network
from fitscape.study.training.optimization import learning_rate, make_optimizer, set_learning_rate
from fitscape.study.training.state import TrialRun

NET = {"weight_decay": 0.1, "dropout": 0.0, "epochs": 1, "steps_per_epoch": 4}


def trained(config: TrialConfig, data: TrialData, weights: StartingWeights | None = None) -> TrialRun:
    """After its last epoch, evaluations and all."""
    (progress,) = run_trial(config, data, settings=Settings(), weights=weights)
    trial = TrialRun(config, data, Settings(), weights)
    trial.restore(progress.checkpoint())
    return trial


def moved(config: TrialConfig, data: TrialData) -> set[str]:
    """Keys of the state dict, batch counters too, that training has changed."""
    before = make_network(config.model, data.input_shape, 10, seed=config.seed, settings=Settings()).state_dict()
    after = trained(config, data).model.state_dict()
    return {key for key in before if not torch.equal(before[key], after[key])}


def test_frozen_stages_keep_parameters_and_statistics(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    found = moved(tiny(**NET, freeze=2), digits)  # stem and layer1, with their batch norms
    assert {key.partition(".")[0] for key in found} == {"layer2", "layer3", "fc"}
    assert "layer2.0.bn1.running_mean" in found
    assert "layer2.0.bn1.num_batches_tracked" in found


def test_all_but_the_head_is_the_most_that_freezes(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    assert moved(tiny(**NET, freeze=9), digits) == {"fc.weight", "fc.bias"}


def test_frozen_batch_norms_keep_theirs_while_convolutions_learn(
    digits: TrialData, tiny: Callable[..., TrialConfig]
) -> None:
    found = moved(tiny(**NET, bn="frozen"), digits)
    assert {"conv1.weight", "layer1.0.conv1.weight", "fc.weight"} <= found
    assert not [key for key in found if "bn" in key or "running" in key or "num_batches" in key]


@pytest.mark.parametrize("frozen", [{"freeze": 9}, {"bn": "frozen"}])
def test_evaluations_do_not_measure_frozen_statistics_anew(
    frozen: dict[str, object], digits: TrialData, tiny: Callable[..., TrialConfig]
) -> None:
    trial = TrialRun(tiny(**NET, **frozen), digits, Settings())
    before = {k: t.clone() for k, t in trial.model.state_dict().items()}
    with trial.as_measured():
        inside = {k: t.clone() for k, t in trial.model.state_dict().items()}
    assert all(torch.equal(before[k], inside[k]) for k in before)


def test_dropout_of_a_frozen_stage_draws_nothing(digits: TrialData) -> None:
    config = TrialConfig().with_hyperparameters(
        {"architecture": "densenet121", "width": 0.25, "dropout": 0.5, "freeze": 9}
    )
    trial = TrialRun(config, digits, Settings())
    images = torch.randn(2, 1, 8, 8)
    assert torch.equal(trial.model.train()(images), trial.model(images))


def test_gradients_are_read_from_what_learns(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    (progress,) = run_trial(tiny(**NET, freeze=3), digits, settings=Settings())
    profile = progress.record.gradients[0]
    assert profile.layers[0].startswith("layer3.")
    assert profile.layers[-1] == "fc"
    assert min(profile.gradient_norms) > 0
    assert progress.record.gradient_ratio is not None
    assert progress.record.gradient_ratio > 0


def test_rates_fall_by_stage_and_the_head_has_its_own(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    config = tiny(freeze=1, layer_decay=0.5, head_lr_ratio=10.0, lr=0.1)
    trial = TrialRun(config, digits, Settings())
    set_learning_rate(trial.optimizer, 0.2)
    rates = {id(p): group["lr"] for group in trial.optimizer.param_groups for p in group["params"]}
    found = {s.name: {rates.get(id(p)) for p in s.parameters()} for s in stages(trial.model)}
    assert found == {"stem": {None}, "layer1": {0.025}, "layer2": {0.05}, "layer3": {0.1}, "head": {2.0}}


def test_equal_rates_leave_the_optimizer_as_it_was(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    model = TrialRun(tiny(), digits, Settings()).model
    assert len(make_optimizer(model, Optimization()).param_groups) == 2


def test_warmup_rises_linearly_to_the_schedule() -> None:
    with_it = Optimization(lr=1.0, schedule="constant", epochs=10, warmup_epochs=2)
    assert [learning_rate(with_it, step, 50) for step in (0, 4, 9, 10, 49)] == [0.1, 0.5, 1.0, 1.0, 1.0]
    cosine, warmed = (Optimization(schedule="cosine", epochs=10, warmup_epochs=w) for w in (0, 2))
    assert learning_rate(warmed, 20, 50) == learning_rate(cosine, 20, 50)


def weights_of(trial: TrialRun) -> StartingWeights:
    state: dict[str, Tensor] = {k: t.clone() for k, t in trial.model.state_dict().items()}
    return StartingWeights(tensors=state, mean=(100.0,), std=(50.0,), classes=trial.data.classes)


def test_a_trial_begins_at_its_weights_and_normalizes_as_they_do(
    digits: TrialData, tiny: Callable[..., TrialConfig]
) -> None:
    weights = weights_of(trained(tiny(**NET, seed=5), digits))
    config = tiny(**NET, freeze=9, weights=f"w.pth@{weights.digest}")
    trial = TrialRun(config, digits, Settings(), weights)
    assert all(torch.equal(t, weights.tensors[k]) for k, t in trial.model.state_dict().items())
    white = torch.full((1, 1, 8, 8), 200, dtype=torch.uint8)
    assert trial.normalize(white).unique().tolist() == [2.0]
    after = trained(config, digits, weights).model.state_dict()
    assert {k for k in after if not torch.equal(after[k], weights.tensors[k])} == {"fc.weight", "fc.bias"}


def test_weights_that_are_not_those_of_the_trials_id_are_refused(
    digits: TrialData, tiny: Callable[..., TrialConfig]
) -> None:
    weights = weights_of(TrialRun(tiny(), digits, Settings()))
    with pytest.raises(ValueError, match="was given some"):
        run_trial(tiny(), digits, settings=Settings(), weights=weights)
    with pytest.raises(ValueError, match="was given no"):
        run_trial(tiny(weights="w.pth"), digits, settings=Settings())
    with pytest.raises(ValueError, match=f"was given {weights.digest}"):
        run_trial(tiny(weights=f"w.pth@{'0' * 16}"), digits, settings=Settings(), weights=weights)
