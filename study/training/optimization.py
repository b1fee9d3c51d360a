"""Optimizer and learning-rate schedule of a trial."""

import math
from typing import Any

import torch
from torch import nn

from fitscape.models.workarounds import SGD, AdamW
from fitscape.study.config import Optimization
from fitscape.study.training.freezing import scales

WARMUP = 0.3  # one-cycle: share of the steps that the rate rises (Smith and Topin 2018; torch's OneCycleLR)
START = 1 / 25  # one-cycle: first rate over peak
END = START / 1e4  # one-cycle: last rate over peak
STEP_AT = (0.5, 0.75)  # step: divided by 10 at half and three quarters (He et al. 2015, section 4.2)


def make_optimizer(model: nn.Module, config: Optimization) -> torch.optim.Optimizer:
    """SGD with heavy-ball momentum as He et al. used it (no Nesterov), or AdamW; one fused kernel per step.

    On a card its learning rate is a tensor there, so that a captured step reads the rate of its time.

    Weight decay acts on the weights of convolutions and linear layers only, not on biases and not on the
    gains of norm layers: those have no capacity to shrink (He et al. 2018, "Bag of Tricks", section 3.1). Nor does it
    act on a transformer's tokens, position embeddings and tables of biases, which multiply nothing.
    """
    groups = _groups(model, config)
    on_card = next(model.parameters()).is_cuda
    optimizer: torch.optim.Optimizer
    if config.optimizer == "adamw":
        optimizer = AdamW(groups, lr=config.lr, betas=(config.momentum, 0.999), fused=True, capturable=on_card)
    else:
        optimizer = SGD(groups, lr=config.lr, momentum=config.momentum, fused=True)
    if on_card:
        device = next(model.parameters()).device
        rates = {group["scale"]: torch.tensor(config.lr, device=device) for group in optimizer.param_groups}
        for group in optimizer.param_groups:
            group["lr"] = rates[group["scale"]]
    return optimizer


def _groups(model: nn.Module, config: Optimization) -> list[dict[str, Any]]:
    """Parameters that learn, by the ``scale`` of their learning rate and by whether they decay.

    Frozen parameters are in no group: weight decay would change them, too.
    """
    decayed = _weights(model)
    alike = config.head_lr_ratio == config.layer_decay == 1
    scale = {} if alike else scales(model, config)
    learning = [p for p in model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {
            "params": [p for p in learning if scale.get(id(p), 1.0) == factor and (id(p) in decayed) == decays],
            "weight_decay": config.weight_decay if decays else 0.0,
            "scale": factor,
        }
        for factor in sorted({scale.get(id(p), 1.0) for p in learning}, reverse=True)
        for decays in (True, False)
    ]
    return [group for group in groups if group["params"]]


def _weights(model: nn.Module) -> set[int]:
    """The ids of parameters that multiply activations: ``weight``, ``in_proj_weight`` of attention, nameless ones."""
    return {
        id(parameter)
        for layer in model.modules()
        if not isinstance(layer, nn.Embedding | nn.LayerNorm)
        for name, parameter in layer.named_parameters(recurse=False)
        if parameter.ndim > 1 and (name.rpartition("_")[2] == "weight" or name.isdecimal())
    }


def lay_out_like_parameters(optimizer: torch.optim.Optimizer) -> None:
    """Give each momentum the memory layout of its weights, as a fused kernel takes for granted: it pairs by address."""
    for weights, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == weights.shape and value.stride() != weights.stride():
                state[name] = torch.empty_like(weights, dtype=value.dtype, requires_grad=False).copy_(value)


def learning_rate(config: Optimization, step: int, total_steps: int) -> float:
    """The rate of optimizer step ``step``, 0 to ``total_steps`` - 1. A pure function: nothing to checkpoint."""
    warm = config.warmup_epochs * total_steps / config.epochs
    rise = min(1.0, (step + 1) / warm) if warm > 0 else 1.0  # Goyal et al. 2017, section 2.2
    return config.lr * rise * _factor(config.schedule, step, total_steps)


def _factor(schedule: str, step: int, total: int) -> float:
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return _cosine(1.0, 0.0, step / total)
    if schedule == "step":
        return float(0.1 ** sum(step >= at * total for at in STEP_AT))
    assert schedule == "one_cycle", schedule
    peak = max(WARMUP * total - 1, 0.0)  # where torch puts it
    if step < peak:
        return _cosine(START, 1.0, step / peak)
    return _cosine(1.0, END, (step - peak) / max(total - 1 - peak, 1.0))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Times each group's scale. A number on the CPU; on a card written to where a captured step reads it."""
    for scale, group in {group["scale"]: group for group in optimizer.param_groups}.items():
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate * scale)  # one for all groups of a scale
    for group in optimizer.param_groups:
        if not isinstance(group["lr"], torch.Tensor):
            group["lr"] = rate * group["scale"]


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """For a checkpoint: what the optimizer has gathered. Its settings come from the trial's config."""
    return {"state": optimizer.state_dict()["state"]}


def load_optimizer_state(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Continue from ``optimizer_state`` of the same optimizer, on whatever device and in whatever layout."""
    rates = [group["lr"] for group in optimizer.param_groups]
    optimizer.load_state_dict({**optimizer.state_dict(), "state": saved["state"]})
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate  # the same tensor, not a copy
    lay_out_like_parameters(optimizer)
