"""What only a CUDA device can show; the same demands as on the CPU."""

from collections.abc import Callable

import pytest
import torch

from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Settings, choose_settings, run_trial

pytestmark = pytest.mark.gpu
FAST = Settings(device="cuda", precision="bf16", memory_format="channels_last")
RANDOM = {"dropout": 0.3, "augment": "crop_flip_cutout", "label_noise": 0.3}


def test_same_numbers_again_and_after_a_resume(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    config = tiny(**RANDOM)
    whole, saved = [], b""
    for progress in run_trial(config, digits, settings=FAST):
        whole.append((progress.record.train_loss, progress.record.val_loss))
        saved = saved or progress.checkpoint()
    torch.rand(3, device="cuda")
    again = [(p.record.train_loss, p.record.val_loss) for p in run_trial(config, digits, settings=FAST)]
    resumed = run_trial(config, digits, settings=FAST, checkpoint=saved)
    assert again == whole
    assert [(p.record.train_loss, p.record.val_loss) for p in resumed] == whole[1:]


def test_fp32_agrees_with_the_cpu(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    config = tiny(epochs=1, lr=0.01)
    on_gpu, on_cpu = (next(run_trial(config, digits, settings=Settings(device=d))) for d in ("cuda", "cpu"))
    assert on_gpu.record.train_loss == pytest.approx(on_cpu.record.train_loss, rel=0.02)
    assert 0 < on_gpu.record.peak_memory_mib < on_cpu.record.peak_memory_mib


def test_batch_too_large_for_the_card_is_halved(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    free, total = torch.cuda.mem_get_info()
    config = tiny(width=2.0, train_fraction=1.0, batch_size=640, epochs=1)
    peak = next(run_trial(config, digits, settings=FAST)).record.peak_memory_mib * 2**20
    torch.cuda.empty_cache()  # the limit is on what the process takes anew, not on the blocks that it has
    try:
        torch.cuda.set_per_process_memory_fraction(min(1.0, 0.75 * peak / total))
        progress = next(run_trial(config, digits, settings=FAST))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert progress.record.peak_memory_mib * 2**20 < peak < free


def test_choice_is_measured_on_the_card(tiny: Callable[..., TrialConfig]) -> None:
    chosen = choose_settings(tiny().model, (1, 8, 8), 10, settings=Settings(device="cuda"), steps=10)
    assert chosen.device == "cuda"
    assert len(chosen.rates) == 5
