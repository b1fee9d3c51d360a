from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import pytest
import torch

from fitscape.models.residual import Block
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Progress, Settings, TrialOutOfMemory, run_trial
from fitscape.study.training.checkpoint import unpack

Tiny = Callable[..., TrialConfig]
CLOCKS = {"time", "train_seconds", "eval_seconds", "images_per_second", "peak_memory_mib"}
EVERYTHING_RANDOM = {"dropout": 0.3, "augment": "crop_flip_cutout", "label_noise": 0.3}


def numbers(progress: Progress) -> dict[str, Any]:
    """The record without what the clock and the machine's memory add; repr keeps every bit, and NaN equal."""
    fields = asdict(progress.record)
    return {k: repr(v) for k, v in fields.items() if k not in CLOCKS} | {"late": repr(progress.late)}


def all_numbers(trial: Iterable[Progress]) -> list[dict[str, Any]]:
    return [numbers(p) for p in trial]


def exact(state: Any) -> Any:
    """A checkpoint's content with each tensor as its bytes."""
    if isinstance(state, torch.Tensor):
        return state.contiguous().numpy().tobytes()
    if isinstance(state, dict):
        return {k: exact(v) for k, v in state.items()}
    return [exact(v) for v in state] if isinstance(state, list | tuple) else state


def test_every_field_of_a_record_is_filled(digits: TrialData, tiny: Tiny) -> None:
    first, second, last = run_trial(tiny(label_noise=0.5), digits, settings=Settings())
    record = last.record
    assert (record.epoch, record.step) == (3, 3 * 4)
    assert (record.train_n, record.val_n) == (200, 160)
    assert record.val_error == pytest.approx(
        torch.tensor([record.val_error_a, record.val_error_b])
        .dot(torch.tensor([digits.val_half.sum(), (~digits.val_half).sum()]) / 160)
        .item()
    )
    assert [name for name, value in asdict(record).items() if value is None] == ["val_effective_n"]  # of groups
    assert record.train_seconds > 0 < record.eval_seconds
    assert record.images_per_second == pytest.approx(256 / record.train_seconds)
    assert record.flipped_n == pytest.approx(200 * 0.45, abs=25)
    assert record.val_flipped_n == pytest.approx(160 * 0.45, abs=25)
    assert record.halves == (digits.val_half.sum(), (~digits.val_half).sum())
    assert [profile.step for p in (first, second) for profile in p.record.gradients] == [0, 3, 7]
    assert len(record.gradients[0].layers) == 20
    assert last.size.parameters > 0 < last.size.flops
    assert not any(p.diverged for p in (first, second, last))


def test_late_pair_comes_with_the_last_epoch_only(digits: TrialData, tiny: Tiny) -> None:
    first, second, last = run_trial(tiny(), digits, settings=Settings())
    assert first.late is None
    assert second.late is None
    assert last.late is not None
    assert last.late.last_epoch == 3
    assert len(last.late.last_losses) == int((~digits.val_half).sum())
    mean = sum(last.late.last_losses) / len(last.late.last_losses)
    assert mean == pytest.approx(last.record.val_loss_b)


def test_net_learns_digits(digits: TrialData, tiny: Tiny) -> None:
    *_, last = run_trial(tiny(width=1.0, train_fraction=1.0, epochs=5), digits, settings=Settings())
    assert last.record.train_error < 0.1
    assert last.record.val_error < 0.2


def test_same_seed_gives_the_same_numbers_beside_another_trial(digits: TrialData, tiny: Tiny) -> None:
    config = tiny(**EVERYTHING_RANDOM)
    alone = all_numbers(run_trial(config, digits, settings=Settings()))
    torch.manual_seed(123)
    other = run_trial(tiny(**EVERYTHING_RANDOM, seed=9), digits, settings=Settings())
    trial = run_trial(config, digits, settings=Settings())
    beside = []
    for progress in trial:
        beside.append(numbers(progress))
        next(other)
        torch.rand(7)
    assert beside == alone


def test_other_seed_gives_other_numbers(digits: TrialData, tiny: Tiny) -> None:
    one, other = (all_numbers(run_trial(tiny(seed=s, epochs=1), digits, settings=Settings())) for s in (0, 1))
    assert one != other


@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize(
    ("settings", "hyperparameters"),
    [
        (Settings(), {}),
        (Settings(precision="bf16", memory_format="channels_last"), {"optimizer": "adamw", "lr": 0.01}),
        (Settings(), {"steps_per_epoch": 3, "schedule": "cosine"}),  # stops within a pass over the data
    ],
)
def test_resumed_trial_is_the_uninterrupted_one_bit_for_bit(
    digits: TrialData, tiny: Tiny, settings: Settings, hyperparameters: dict[str, Any], epoch: int
) -> None:
    config = tiny(**EVERYTHING_RANDOM, **hyperparameters)
    whole, saved, final = [], b"", b""
    for progress in run_trial(config, digits, settings=settings):
        whole.append(numbers(progress))
        final = progress.checkpoint()
        if progress.record.epoch == epoch:
            saved = final
    resumed, resumed_final = [], b""
    for progress in run_trial(config, digits, settings=settings, checkpoint=saved):
        resumed.append(numbers(progress))
        resumed_final = progress.checkpoint()
    assert resumed == whole[epoch:]
    assert exact(unpack(resumed_final)) == exact(unpack(final))


def test_process_keeps_its_threads_and_random_state(digits: TrialData, tiny: Tiny) -> None:
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    for _ in run_trial(
        tiny(**EVERYTHING_RANDOM, epochs=1, steps_per_epoch=1), digits, settings=Settings(threads=threads + 1)
    ):
        assert torch.get_num_threads() == threads
        assert torch.equal(torch.get_rng_state(), before)


def test_non_finite_trial_stops_and_its_record_says_so(digits: TrialData, tiny: Tiny) -> None:
    config = tiny(family="plain", depth=20, norm="none", lr=100.0, schedule="constant", epochs=5)
    *_, last = run_trial(config, digits, settings=Settings())
    assert last.diverged
    assert last.record.epoch < 5
    assert last.record.train_loss != last.record.train_loss or last.record.train_loss == float("inf")
    assert last.record.train_error == last.record.val_error == 1.0
    assert last.late is None


def test_divergence_within_a_long_epoch_ends_it_early(digits: TrialData, tiny: Tiny) -> None:
    config = tiny(norm="none", lr=100.0, schedule="constant", batch_size=2, epochs=2)
    last = next(run_trial(config, digits, settings=Settings()))
    assert last.diverged
    assert last.record.step == 50


def test_subset_smaller_than_the_batch_is_one_batch(digits: TrialData, tiny: Tiny) -> None:
    *_, last = run_trial(tiny(train_fraction=0.02, epochs=2), digits, settings=Settings())
    assert last.record.step == 2
    assert last.record.train_n == 13


def test_checkpoint_of_a_past_epoch_is_refused(digits: TrialData, tiny: Tiny) -> None:
    trial = run_trial(tiny(), digits, settings=Settings())
    first = next(trial)
    next(trial)
    with pytest.raises(AssertionError, match="epoch 1"):
        first.checkpoint()


def test_checkpoint_of_another_trial_is_refused_at_once(digits: TrialData, tiny: Tiny) -> None:
    saved = next(run_trial(tiny(), digits, settings=Settings())).checkpoint()
    with pytest.raises(ValueError, match="checkpoint: its trial"):
        run_trial(tiny(seed=1), digits, settings=Settings(), checkpoint=saved)
    with pytest.raises(ValueError, match="checkpoint: its precision is fp32"):
        run_trial(tiny(), digits, settings=Settings(precision="bf16"), checkpoint=saved)


def test_sign_of_life_after_each_step(digits: TrialData, tiny: Tiny) -> None:
    calls: list[None] = []
    list(run_trial(tiny(), digits, settings=Settings(), on_step=lambda: calls.append(None)))
    assert len(calls) == 12


def test_trial_that_does_not_fit_says_oom(digits: TrialData, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    whole = Block.forward

    def forward(self: Block, x: torch.Tensor) -> torch.Tensor:
        if not self.training:  # its size is counted first
            return whole(self, x)
        batches.append(len(x))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(Block, "forward", forward)
    with pytest.raises(TrialOutOfMemory, match=r"^oom"):
        next(run_trial(tiny(), digits, settings=Settings()))
    assert batches == [64, 32]


def test_trial_whose_batches_had_to_be_halved_says_so(
    digits: TrialData, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not next(run_trial(tiny(), digits, settings=Settings())).halved
    whole = Block.forward

    def forward(self: Block, x: torch.Tensor) -> torch.Tensor:
        if self.training and len(x) > 32:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return whole(self, x)

    monkeypatch.setattr(Block, "forward", forward)
    assert all(progress.halved for progress in run_trial(tiny(), digits, settings=Settings()))
