"""A checkpoint goes on in another layout, with another optimizer's momentum, and between the CPU and a card."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cuda_stub
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Settings, run_trial

LAYOUTS = st.sampled_from(["nchw", "channels_last", "mixed"])


@settings(max_examples=9, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=LAYOUTS, after=LAYOUTS, optimizer=st.sampled_from(["sgd", "adamw"]), momentum=st.sampled_from([0.0, 0.9]))
def test_another_layout_goes_on_with_the_same_numbers(
    digits: TrialData, tiny: Callable[..., TrialConfig], before: str, after: str, optimizer: str, momentum: float
) -> None:
    config = tiny(epochs=2, optimizer=optimizer, momentum=momentum, lr=0.003, augment="crop_flip")
    first = replace(Settings(), memory_format=before)  # type: ignore[arg-type]
    saved = next(run_trial(config, digits, settings=first)).checkpoint()
    stayed, moved = (
        next(run_trial(config, digits, settings=replace(first, memory_format=layout), checkpoint=saved)).record  # type: ignore[arg-type]
        for layout in (before, after)
    )
    assert moved.batch_loss == pytest.approx(stayed.batch_loss, rel=1e-3)
    assert moved.train_loss == pytest.approx(stayed.train_loss, rel=5e-3)


@pytest.mark.ci
def test_between_the_cpu_and_a_card(stub: Path) -> None:
    cuda_stub.run(
        stub,
        """
import itertools, torch
from benchmarks.gpu.nets import made_up, resnet18, trial_config
from fitscape.study.training import Settings
from fitscape.study.training.state import TrialRun
torch.set_num_threads(1)
data = made_up(256, 32, probe=32)
places = [(d, m) for d in ("cpu", "cuda") for m in ("nchw", "channels_last")]
for optimizer in ("sgd", "adamw"):
    config = trial_config(resnet18(0.125, 64), steps=2, optimizer=optimizer, lr=0.003, dropout=0.1, augment="flip")
    for (device, layout), (other, moved) in itertools.product(places, places):
        if device == other and optimizer == "adamw":  # nothing is brought anywhere
            continue
        one = TrialRun(config, data, Settings(device=device, memory_format=layout))
        with one.randomness.running(), one.stepping.running():
            one.take_step(last_of_epoch=False)
        two = TrialRun(config, data, Settings(device=other, memory_format=moved))
        two.restore(one.checkpoint())
        where = (optimizer, device, layout, other, moved)
        for mine, theirs in zip(two.model.parameters(), one.model.parameters(), strict=True):
            if device == "cpu" and (other == "cpu" or layout == moved):  # the stand-in lays out nothing anew
                assert torch.equal(mine.detach().cpu(), theirs.detach()), where
            for name, value in two.optimizer.state[mine].items():
                assert value.device.type == other, where
                if value.shape == mine.shape:
                    assert value.stride() == mine.stride(), where
        assert isinstance(two.optimizer.param_groups[0]["lr"], torch.Tensor) == (other == "cuda"), where
        with two.randomness.running(), two.stepping.running():
            two.take_step(last_of_epoch=True)  # every generator has a state of its own make
""",
    )
