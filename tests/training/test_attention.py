"""Attention is repeatable on a card; whether torch refuses an operation for that is its host code's, which is real."""

import json
from pathlib import Path

import cuda_stub
import pytest
import torch

from fitscape.study.config import TrialConfig
from fitscape.study.training.attention import has_attention, repeatable

SHAPE = (3, 32, 32)
TRANSFORMERS = ("timm:test_vit", "timm:test_vit4")

TRAINING = """
import json, torch
from benchmarks.gpu.nets import fast, made_up
from cuda_stub import counters
from fitscape.study.config import TrialConfig
from fitscape.study.training import run_trial
torch.set_num_threads(1)
data, found = made_up(64, 16, probe=16), {}
for name in NAMES:
    for precision in ("fp32", "bf16"):
        config = TrialConfig().with_hyperparameters(
            {"architecture": name, "epochs": 1, "steps_per_epoch": 3, "batch_size": 8, "optimizer": "adamw"}
        )
        counters.reset()
        *_, progress = run_trial(config, data, settings=fast("cuda", precision=precision))
        kernels = [name for name in counters.kernels() if "attention" in name or "flash" in name or "fmha" in name]
        found[f"{name} {precision}"] = [progress.why_eager, kernels]
print(json.dumps(found))
"""


@pytest.mark.parametrize(("name", "has"), [("timm:test_vit", True), ("timm:test_resnet", False), ("resnet18", False)])
def test_attention_is_found_where_it_is(name: str, has: bool) -> None:
    spec = TrialConfig().with_hyperparameters({"architecture": name}).model
    assert has_attention(spec, SHAPE, 10) is has


def test_no_operation_of_a_transformer_is_refused_and_no_kernel_adds_up_in_any_order(stub: Path) -> None:
    found = json.loads(cuda_stub.run(stub, TRAINING.replace("NAMES", repr(TRANSFORMERS))))
    for name, (why_eager, kernels) in found.items():
        assert why_eager == "", name
        assert not any("cutlassB" in kernel or "efficient" in kernel for kernel in kernels), name
        assert any("flash" in kernel for kernel in kernels) is name.endswith("bf16"), name


def test_the_switches_are_put_back() -> None:
    with repeatable():
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cuda.mem_efficient_sdp_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cuda.mem_efficient_sdp_enabled()
