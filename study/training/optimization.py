"""Optimizer and learning-rate schedule of a trial."""

import math
from typing import Any

import torch
from torch import nn

from fitscape.models.workarounds import SGD, AdamW
from fitscape.study.config import Optimization

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
    decayed = _weights(model)
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if id(p) in decayed], "weight_decay": config.weight_decay},
        {"params": [p for p in model.parameters() if id(p) not in decayed], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    on_card = next(model.parameters()).is_cuda
    optimizer: torch.optim.Optimizer
    if config.optimizer == "adamw":
        optimizer = AdamW(groups, lr=config.lr, betas=(config.momentum, 0.999), fused=True, capturable=on_card)
    else:
        optimizer = SGD(groups, lr=config.lr, momentum=config.momentum, fused=True)
    if on_card:
        rate = torch.tensor(config.lr, device=next(model.parameters()).device)
        for group in optimizer.param_groups:
            group["lr"] = rate
    return optimizer


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
    return config.lr * _factor(config.schedule, step, total_steps)


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
    """A number on the CPU; on a card written to where a captured step reads it."""
    if isinstance(optimizer.param_groups[0]["lr"], torch.Tensor):
        optimizer.param_groups[0]["lr"].fill_(rate)  # one for all groups
        return
    for group in optimizer.param_groups:
        group["lr"] = rate


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
