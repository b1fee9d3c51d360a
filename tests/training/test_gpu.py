"""The same demands as on the CPU, and what only a card has."""

import gc
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from benchmarks.gpu.nets import made_up
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Settings, TrialOutOfMemory, choose_settings, run_trial

pytestmark = pytest.mark.gpu
FAST = Settings(device="cuda", precision="bf16", memory_format="channels_last")
RANDOM = {"dropout": 0.3, "augment": "crop_flip_cutout", "label_noise": 0.3}
Tiny = Callable[..., TrialConfig]


def losses(config: TrialConfig, data: TrialData, settings: Settings, saved: bytes | None = None) -> list[object]:
    trial = run_trial(config, data, settings=settings, checkpoint=saved)
    return [(p.record.batch_loss, p.record.train_loss, p.record.val_loss, p.record.gradients) for p in trial]


@pytest.mark.parametrize("captured", [True, False])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_same_numbers_again_and_after_a_resume(digits: TrialData, tiny: Tiny, optimizer: str, captured: bool) -> None:
    config, settings = tiny(**RANDOM, optimizer=optimizer, lr=0.01), replace(FAST, captured=captured)
    saved = next(run_trial(config, digits, settings=settings)).checkpoint()
    whole = losses(config, digits, settings)
    torch.rand(3, device="cuda")
    assert losses(config, digits, settings) == whole
    assert losses(config, digits, settings, saved) == whole[1:]


@pytest.mark.parametrize(
    "hyperparameters",
    [{}, {"optimizer": "adamw", "lr": 0.003}, {"norm": "group"}, {"family": "densenet", "depth": 121, "width": 0.125}],
)
def test_captured_steps_give_the_numbers_of_eager_ones(
    digits: TrialData, tiny: Tiny, hyperparameters: dict[str, object]
) -> None:
    config = tiny(**RANDOM, **hyperparameters)
    captured = next(run_trial(config, digits, settings=FAST))
    assert captured.why_eager == ""
    assert losses(config, digits, FAST) == losses(config, digits, replace(FAST, captured=False))


def test_fp32_agrees_with_the_cpu(digits: TrialData, tiny: Tiny) -> None:
    config = tiny(epochs=1, lr=0.01)
    on_gpu, on_cpu = (next(run_trial(config, digits, settings=Settings(device=d))) for d in ("cuda", "cpu"))
    assert on_gpu.record.train_loss == pytest.approx(on_cpu.record.train_loss, rel=0.02)
    assert 0 < on_gpu.record.peak_memory_mib < on_cpu.record.peak_memory_mib


def test_batch_too_large_for_its_share_of_the_card_is_halved(digits: TrialData, tiny: Tiny) -> None:
    total = torch.cuda.mem_get_info()[1]
    # Large enough that activations, and not the libraries' workspaces, are most of it.
    images = made_up(2048, 256, probe=256)
    config = tiny(depth=20, width=2.0, train_fraction=1.0, batch_size=1024, epochs=1)

    def outcome(share: float) -> tuple[str, float]:
        gc.collect()  # as a worker does between two trials
        torch.cuda.empty_cache()
        try:
            progress = next(run_trial(config, images, settings=replace(FAST, card_share=share)))
        except TrialOutOfMemory:
            return "out of memory", 0.0
        return "halved" if progress.halved else "whole", progress.record.peak_memory_mib * 2**20 / total

    whole, peak = outcome(1.0)
    assert whole == "whole"
    outcomes = []
    for fraction in (0.9, 0.8, 0.7, 0.6, 0.5):
        found, taken = outcome(fraction * peak)
        assert taken <= fraction * peak
        outcomes.append(found)
    torch.cuda.set_per_process_memory_fraction(1.0)
    assert "halved" in outcomes, outcomes
    assert outcomes == sorted(outcomes, key=["whole", "halved", "out of memory"].index)


def test_ten_trials_in_one_process_leave_no_growth(digits: TrialData, tiny: Tiny) -> None:
    left = []
    for i in range(10):
        for _ in run_trial(tiny(width=(0.25, 1.0)[i % 2], epochs=1), digits, settings=FAST):
            pass
        gc.collect()  # as a worker does between two trials
        torch.cuda.empty_cache()
        left.append(torch.cuda.mem_get_info()[0])
    assert left[2] - left[-1] <= 8 * 2**20


def test_choice_is_measured_on_the_card(tiny: Tiny) -> None:
    chosen = choose_settings(tiny().model, (1, 8, 8), 10, settings=Settings(device="cuda"))
    assert chosen.device == "cuda"
    assert len(chosen.rates) == 4
