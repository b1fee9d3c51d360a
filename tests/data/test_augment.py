"""Augmentation: what it may do to an image, seeding, devices, layouts."""

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from fitscape.study.config import Augment, DataCondition
from fitscape.study.data import augment

NAMES = get_args(Augment)


def batch(b: int = 64, c: int = 3, side: int = 32) -> Tensor:
    """Every pixel of an image differs from its neighbours, and no pixel is 0."""
    return torch.randint(1, 256, (b, c, side, side), dtype=torch.uint8, generator=Generator().manual_seed(9))


def named(name: str) -> augment.Augmentation:
    return augment.of(DataCondition.model_validate({"augment": name}))


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("name", NAMES)
@given(st.integers(1, 9), st.sampled_from([1, 3]), st.integers(4, 40), st.integers(4, 40))
@settings(max_examples=15)
def test_shape_type_and_input_are_kept(name: str, b: int, c: int, h: int, w: int) -> None:
    images = torch.randint(1, 256, (b, c, h, w), dtype=torch.uint8)
    before = images.clone()
    out = named(name)(images, seeded())
    assert (out.shape, out.dtype) == (images.shape, torch.uint8)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_alone_decides(name: str) -> None:
    run = named(name)
    torch.manual_seed(1)
    one = run(batch(), seeded(4))
    torch.manual_seed(2)
    assert torch.equal(one, run(batch(), seeded(4)))
    assert name == "none" or not torch.equal(one, run(batch(), seeded(5)))


@pytest.mark.parametrize("name", NAMES)
def test_channels_last_gives_the_same_images(name: str) -> None:
    run = named(name)
    last = batch().contiguous(memory_format=torch.channels_last)
    assert torch.equal(run(batch(), seeded()), run(last, seeded()))


def test_none_is_the_identity() -> None:
    images = batch()
    assert named("none")(images, seeded()) is images


def test_flip_mirrors_about_half_of_the_images() -> None:
    images = batch(2000, 1, 8)
    out = named("flip")(images, seeded())
    mirrored = (out == images.flip(3)).flatten(1).all(1)
    kept = (out == images).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert mirrored.double().mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("side", "padding"), [(32, 4), (28, 4), (8, 1), (4, 1), (64, 8)])
def test_crop_shifts_each_image_by_up_to_its_padding(side: int, padding: int) -> None:
    images = batch(600, 1, side)
    out = named("crop")(images, seeded())
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    seen = set()
    for image, crop in zip(padded, out, strict=True):
        tops = range(2 * padding + 1)
        at = [(t, f) for t in tops for f in tops if torch.equal(image[:, t : t + side, f : f + side], crop)]
        assert len(at) == 1
        seen.add(at[0])
    assert len(seen) >= 0.8 * (2 * padding + 1) ** 2


def test_cutout_blanks_a_square_of_half_the_side_clipped_at_the_border() -> None:
    images = batch(500, 3, 32)
    out = augment.cutout(images, seeded())
    blank = (out == 0).all(1)
    assert torch.equal(out[(~blank)[:, None].expand_as(out)], images[(~blank)[:, None].expand_as(out)])
    heights, widths = blank.any(2).sum(1), blank.any(1).sum(1)
    assert (heights.max(), widths.max()) == (16, 16)
    assert (heights.min(), widths.min()) >= (7, 7)
    assert torch.equal(blank.flatten(1).sum(1), heights * widths)


def test_floats_that_are_normalised_are_filled_with_their_mean() -> None:
    images = torch.rand(8, 3, 32, 32) + 1
    out = named("crop_flip_cutout")(images, seeded())
    assert out.dtype == torch.float32
    assert (out == 0).any()


def test_it_is_batched_not_a_loop_over_images() -> None:
    assert _operators(2048) == _operators(4)


def _operators(images: int) -> int:
    """How many of torch's operators a batch takes."""

    class Counter(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            self.count += 1
            return function(*args, **(kwargs or {}))

    drawn = batch(images)
    with Counter() as counter:
        named("crop_flip_cutout")(drawn, seeded())
    return counter.count


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_makes_the_choices_of_the_cpu(name: str) -> None:
    run = named(name)
    assert torch.equal(run(batch().cuda(), seeded()).cpu(), run(batch(), seeded()))
