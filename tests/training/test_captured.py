"""A captured step on the stand-in for a card: launches, waits, memory and control flow are real, numbers are not."""

import json
from pathlib import Path
from typing import Any

import cuda_stub
import pytest

# One process for all: to load torch and to begin to train takes it five seconds. A part that fails leaves its error.
START = """
import gc, json, sys, traceback, torch
from cuda_stub import counters
from benchmarks.gpu.nets import Net, fast, made_up, resnet18, trial_config
from fitscape.models.spec import ModelSpec
from fitscape.study.training import AttemptOutOfMemory, Settings, TrialOutOfMemory, choose_settings, run_trial, state
from fitscape.study.training.state import TrialRun
torch.set_num_threads(1)
"""
END = """
found = {}
for part in (ten_trials, step, waits, memory, eager, garbage, precisions, halving):
    gc.collect(); torch.cuda.empty_cache()
    try:
        found[part.__name__] = part()
    except Exception:
        found[part.__name__] = {"error": traceback.format_exc()}
print(json.dumps(found))
"""
PARTS = """
def step():
    found = {}
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
    return found

def waits():
    found, data = {}, made_up(2048, 256, probe=256)
    for optimizer in ("sgd", "adamw"):
        asked = {"optimizer": optimizer, "lr": 0.001, "augment": "crop_flip_cutout", "dropout": 0.1}
        trial = TrialRun(trial_config(resnet18(0.25, 128), steps=16, epochs=2, **asked), data, fast("cuda"))
        with trial.randomness.running(), trial.stepping.running():
            trial.take_step(last_of_epoch=False)
            counters.reset()
            trial.stepping.total.item(); trial.evaluate(); trial.gradient_probe.drain(); trial.weights_are_finite()
            found[optimizer] = counters.waits()
    return found

def memory():
    found, data = {}, made_up(2048, 2000, probe=2000)
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
    return found

def ten_trials():
    left, data = [], made_up(512, 64, probe=64)
    for i in range(10):
        net = resnet18((0.25, 0.125)[i % 2], 64)
        for _ in run_trial(trial_config(net, steps=3, epochs=1), data, settings=fast("cuda")):
            pass
        gc.collect(); torch.cuda.empty_cache()
        left.append(torch.cuda.memory_reserved() / 2**20)
    return left

def eager():
    from fitscape.models.residual import Block
    whole, why = Block.forward, state.why_not_captured
    def forward(self, x):
        if self.training:
            x.sum().item()
        return whole(self, x)
    Block.forward = forward
    data = made_up(256, 64, probe=64)
    config = trial_config(resnet18(0.0625, 64), steps=3)  # of no other part: what was found of a net is remembered
    found = {"asked": next(run_trial(config, data, settings=fast("cuda"))).why_eager}
    state.why_not_captured = lambda *_: ""  # what the look at operators missed, the capture itself finds out
    for _ in range(2):
        found["tried"] = next(run_trial(config, data, settings=fast("cuda"))).why_eager
    found["not wanted"] = next(run_trial(config, data, settings=fast("cuda", captured=False))).why_eager
    Block.forward, state.why_not_captured = whole, why
    return found

def garbage():
    from fitscape.study.training.card import CardPool
    class Circle:
        pass
    seen = []
    for _ in range(3):
        circle, card, kept = Circle(), CardPool(), []
        circle.itself, circle.pool = circle, torch.cuda.MemPool()  # as a trial leaves it whose net has circles
        del circle
        card.capture(lambda: kept.extend([] for _ in range(5000)) or seen.append(gc.isenabled()), ())
    return [seen, gc.isenabled()]

def precisions():
    spec, found = ModelSpec(depth=20, width=0.25), {}
    for card in (0, 1):
        torch.cuda.set_device(card)
        chosen = choose_settings(spec, (3, 8, 8), 10, settings=Settings(device="cuda"), batch_size=32)
        found[torch.cuda.get_device_capability()[0]] = sorted({rate.precision for rate in chosen.rates})
    torch.cuda.set_device(0)
    return found

def halving():
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
    found = {"ladder": [whole] + [attempt(share * peak) for share in (0.9, 0.7, 0.2)]}
    found["limits"] = [share * whole[1] for share in (1, 0.9, 0.7)]
    torch.cuda.set_per_process_memory_fraction(1.0)
    def lacking(*_): raise torch.OutOfMemoryError("CUDA out of memory")
    progress = run_trial(config, data, settings=fast("cuda"))
    next(progress)
    state.evaluate_each = lacking
    try:
        next(progress)
    except AttemptOutOfMemory as error:
        found["later"] = str(error)
    except StopIteration:
        found["later"] = "diverged"
    return found
"""


@pytest.fixture(scope="module")
def found(stub: Path) -> dict[str, Any]:
    """What each part came to, by its name. The first card has bf16 units, the second has none."""
    printed = cuda_stub.run(stub, START + PARTS + END, STUB_DEVICES="2", STUB_CC="90,75")
    parts: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return parts


def test_a_step_is_one_launch_and_waits_for_nothing(found: dict[str, Any]) -> None:
    eager, waits, _, probed_waits, _ = found["step"]["False"]
    assert eager["launch"] <= 285
    assert waits == probed_waits == 0
    captured, waits, probed, probed_waits, why_eager = found["step"]["True"]
    assert why_eager == ""
    # Beside the graph: the learning rate, and which images are the batch.
    assert (captured["cudaGraphLaunch"], captured["launch"], captured["memcpy D2D"]) == (1, 1, 1)
    assert (probed["cudaGraphLaunch"], waits, probed_waits) == (2, 0, 0)
    assert found["step"]["rate"] == [True, 1]  # one for both groups, written to before each replay


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_an_epoch_waits_four_times_at_most(found: dict[str, Any], optimizer: str) -> None:
    assert found["waits"][optimizer] <= 4


def test_capture_takes_no_more_memory_than_eager_steps_and_evaluation_none_beside_it(found: dict[str, Any]) -> None:
    for family in ("resnet", "densenet"):
        eager, captured = found["memory"][f"{family} False"], found["memory"][f"{family} True"]
        # Beside what an eager step takes: gradients that stay in place for the probed steps, and those of the others.
        assert captured[1] <= 1.1 * eager[1] + 3 * found["memory"][f"{family} weights"]
        assert captured[1] <= 1.05 * captured[0]  # an evaluation's beside a training step's


def test_batch_is_halved_once_before_training_and_later_lack_of_memory_costs_the_attempt_only(
    found: dict[str, Any],
) -> None:
    ladder = found["halving"]["ladder"]
    assert [row[0] for row in ladder] == ["whole", "halved", "halved", "oom"]
    for (_, peak, why_eager), limit in zip(ladder, found["halving"]["limits"], strict=False):
        assert peak <= limit + 0.1
        assert why_eager == ""
    assert ladder[-1][1].startswith("oom: ")
    assert found["halving"]["later"].startswith(("memory that the trial had is gone", "diverged"))


def test_ten_trials_in_one_process_leave_nothing(found: dict[str, Any]) -> None:
    left = found["ten_trials"]
    assert len(left) == 10
    assert max(left[1:]) <= left[0]


def test_what_earlier_trials_left_is_not_collected_while_a_graph_is_captured(found: dict[str, Any]) -> None:
    """The destructor of a pool would end the process: it is no call that a capture may see."""
    assert found["garbage"] == [[False] * 3, True]


def test_net_that_a_graph_cannot_hold_runs_eager_and_says_why(found: dict[str, Any]) -> None:
    assert found["eager"]["asked"] == "a step waits for the result of _local_scalar_dense"
    assert "capturing" in found["eager"]["tried"]
    assert found["eager"]["not wanted"] == ""


def test_cards_without_bf16_units_are_measured_in_fp32_only(found: dict[str, Any]) -> None:
    assert found["precisions"] == {"9": ["bf16", "fp32"], "7": ["fp32"]}
