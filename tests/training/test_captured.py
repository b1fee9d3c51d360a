"""A captured step on the stand-in for a card: launches, waits, memory and control flow are real, numbers are not."""

import json
from pathlib import Path
from typing import Any

import cuda_stub
import pytest

START = """
import gc, json, torch
from cuda_stub import counters
from benchmarks.gpu.nets import Net, fast, made_up, resnet18, trial_config
from fitscape.models.spec import ModelSpec
from fitscape.study.training import AttemptOutOfMemory, Settings, TrialOutOfMemory, run_trial
from fitscape.study.training.state import TrialRun
torch.set_num_threads(1)
found = {}
"""


def run(stub: Path, code: str, **settings: str) -> dict[str, Any]:
    printed = cuda_stub.run(stub, START + code + "\nprint(json.dumps(found))", **settings)
    result: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return result


def test_a_step_is_one_launch_and_waits_for_nothing(stub: Path) -> None:
    found = run(
        stub,
        """
data = made_up(2048, 256, probe=256)
for captured in (False, True):
    trial = TrialRun(trial_config(resnet18(1, 128), steps=60), data, fast("cuda", captured=captured))
    trial.step = 600  # past the steps that are probed
    with trial.randomness.running(), trial.stepping.running():
        for _ in range(3):
            trial.take_step(last_of_epoch=False)
        counters.reset()
        trial.take_step(last_of_epoch=False)
        step, waits = counters.calls(), counters.waits()
        counters.reset()
        trial.take_step(last_of_epoch=True)
        probed = counters.calls()
    found[str(captured)] = [step, waits, probed, counters.waits(), trial.stepping.why_eager]
    rates = [group["lr"] for group in trial.optimizer.param_groups]
    found["rate"] = [all(rate.is_cuda for rate in rates), len({rate.data_ptr() for rate in rates})]
""",
    )
    eager, waits, _, probed_waits, _ = found["False"]
    assert eager["launch"] <= 285
    assert waits == probed_waits == 0
    captured, waits, probed, probed_waits, why_eager = found["True"]
    assert why_eager == ""
    # Beside the graph: the learning rate, and which images are the batch.
    assert (captured["cudaGraphLaunch"], captured["launch"], captured["memcpy D2D"]) == (1, 1, 1)
    assert (probed["cudaGraphLaunch"], waits, probed_waits) == (2, 0, 0)
    assert found["rate"] == [True, 1]  # one for both groups, written to before each replay


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_an_epoch_waits_four_times_at_most(stub: Path, optimizer: str) -> None:
    found = run(
        stub,
        f"""
data = made_up(2048, 256, probe=256)
config = trial_config(
    resnet18(0.25, 128), steps=16, epochs=2, optimizer="{optimizer}", lr=0.001, augment="crop_flip_cutout", dropout=0.1
)
trial = TrialRun(config, data, fast("cuda"))
with trial.randomness.running(), trial.stepping.running():
    trial.take_step(last_of_epoch=False)
    counters.reset()
    trial.stepping.total.item(); trial.evaluate(); trial.gradient_probe.drain(); trial.weights_are_finite()
    found["waits"] = counters.waits()
""",
    )
    assert found["waits"] <= 4


def test_capture_takes_no_more_memory_than_eager_steps_and_evaluation_none_beside_it(stub: Path) -> None:
    found = run(
        stub,
        """
data = made_up(2048, 2000, probe=2000)
for net in (resnet18(1, 128), Net("d", ModelSpec(family="densenet", depth=121, width=0.5), 64)):
    for captured in (False, True):
        gc.collect(); torch.cuda.empty_cache(); torch.cuda.reset_peak_memory_stats()
        trial = TrialRun(trial_config(net, steps=60), data, fast("cuda", captured=captured))
        with trial.randomness.running(), trial.stepping.running():
            for _ in range(3):
                trial.take_step(last_of_epoch=False)
            trained = torch.cuda.max_memory_reserved()
            trial.evaluate()
        found[f"{net.spec.family} weights"] = trial.size.parameters * 4 / 2**20
        found[f"{net.spec.family} {captured}"] = [trained / 2**20, torch.cuda.max_memory_reserved() / 2**20]
        del trial
""",
    )
    for family in ("resnet", "densenet"):
        eager, captured = found[f"{family} False"], found[f"{family} True"]
        # Beside what an eager step takes: gradients that stay in place for the probed steps, and those of the others.
        assert captured[1] <= 1.1 * eager[1] + 3 * found[f"{family} weights"]
        assert captured[1] <= 1.05 * captured[0]  # an evaluation's beside a training step's


def test_batch_is_halved_once_before_training_and_later_lack_of_memory_costs_the_attempt_only(stub: Path) -> None:
    found = run(
        stub,
        """
data = made_up(2048, 256, probe=256)
config = trial_config(Net("r", ModelSpec(depth=20, width=2.0), 1024), steps=2)
total = torch.cuda.mem_get_info()[1]
def attempt(share):
    gc.collect(); torch.cuda.empty_cache()
    try:
        progress = next(run_trial(config, data, settings=fast("cuda", card_share=share)))
        return ["halved" if progress.halved else "whole", progress.record.peak_memory_mib, progress.why_eager]
    except TrialOutOfMemory as error:
        return ["oom", str(error), ""]
whole = attempt(1.0)
peak = whole[1] * 2**20 / total
found["ladder"] = [whole] + [attempt(share * peak) for share in (0.9, 0.7, 0.2)]
found["limits"] = [share * whole[1] for share in (1, 0.9, 0.7)]
torch.cuda.set_per_process_memory_fraction(1.0)
trial = TrialRun(config, data, fast("cuda"))
def lacking(*_): raise torch.OutOfMemoryError("CUDA out of memory")
progress = run_trial(config, data, settings=fast("cuda"))
next(progress)
import fitscape.study.training.state as state
state.evaluate_each = lacking
try:
    next(progress)
except AttemptOutOfMemory as error:
    found["later"] = str(error)
except StopIteration:
    found["later"] = "diverged"
""",
    )
    assert [row[0] for row in found["ladder"]] == ["whole", "halved", "halved", "oom"]
    for (_, peak, why_eager), limit in zip(found["ladder"], found["limits"], strict=False):
        assert peak <= limit + 0.1
        assert why_eager == ""
    assert found["ladder"][-1][1].startswith("oom: ")
    assert found["later"].startswith(("memory that the trial had is gone", "diverged"))


def test_ten_trials_in_one_process_leave_nothing(stub: Path) -> None:
    found = run(
        stub,
        """
data = made_up(512, 64, probe=64)
found["left"] = []
for i in range(10):
    net = resnet18((0.25, 0.125)[i % 2], 64)
    for _ in run_trial(trial_config(net, steps=3, epochs=1), data, settings=fast("cuda")):
        pass
    gc.collect(); torch.cuda.empty_cache()
    found["left"].append(torch.cuda.memory_reserved() / 2**20)
""",
    )
    assert max(found["left"][1:]) <= found["left"][0]


def test_net_that_a_graph_cannot_hold_runs_eager_and_says_why(stub: Path) -> None:
    found = run(
        stub,
        """
from fitscape.models.residual import Block
whole = Block.forward
def forward(self, x):
    if self.training:
        x.sum().item()
    return whole(self, x)
Block.forward = forward
data = made_up(256, 64, probe=64)
config = trial_config(resnet18(0.125, 64), steps=3)
found["asked"] = next(run_trial(config, data, settings=fast("cuda"))).why_eager
import fitscape.study.training.state as state
state.why_not_captured = lambda *_: ""  # what the look at operators missed, the capture itself finds out
for _ in range(2):
    found["tried"] = next(run_trial(config, data, settings=fast("cuda"))).why_eager
found["not wanted"] = next(run_trial(config, data, settings=fast("cuda", captured=False))).why_eager
""",
    )
    assert found["asked"] == "a step waits for the result of _local_scalar_dense"
    assert "capturing" in found["tried"]
    assert found["not wanted"] == ""


def test_cards_without_bf16_units_are_measured_in_fp32_only(stub: Path) -> None:
    code = """
from fitscape.study.training import choose_settings
spec = ModelSpec(depth=20, width=0.25)
chosen = choose_settings(spec, (3, 8, 8), 10, settings=Settings(device="cuda"), batch_size=32)
found["precisions"] = sorted({rate.precision for rate in chosen.rates})
"""
    assert run(stub, code, STUB_CC="75")["precisions"] == ["fp32"]
    assert run(stub, code, STUB_CC="90")["precisions"] == ["bf16", "fp32"]
