"""Augmentation of photos: what it may do to an image, one draw an image, seeding, and that off draws nothing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from fitscape.study.config import DataCondition
from fitscape.study.data import augment

STRONG = {"crop_scale": 0.3, "rotation": 45.0, "colour_jitter": 0.5, "rand_augment": 8.0}


def photo(side: int = 32) -> Tensor:
    """A smooth colour image [3, side, side] without symmetry."""
    rows, columns = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
    return torch.stack([200 * rows + 20, 220 * columns**2 + 10, 120 * (rows * columns) + 60]).to(torch.uint8)


def run(images: Tensor, seed: int = 0, **condition: float) -> Tensor:
    return augment.of(DataCondition.model_validate(condition))(images, Generator().manual_seed(seed))


@pytest.mark.parametrize("name", STRONG)
@given(st.integers(1, 5), st.sampled_from([1, 3]), st.integers(4, 30), st.integers(4, 30))
@settings(max_examples=10, deadline=None)
def test_shape_type_and_input_are_kept(name: str, b: int, c: int, h: int, w: int) -> None:
    images = torch.randint(0, 256, (b, c, h, w), dtype=torch.uint8)
    before = images.clone()
    out = run(images, **{name: STRONG[name]})
    assert (out.shape, out.dtype) == (images.shape, torch.uint8)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", STRONG)
def test_each_image_of_a_batch_gets_a_draw_of_its_own(name: str) -> None:
    out = run(photo().expand(64, -1, -1, -1), **{name: STRONG[name]})
    assert len({bytes(image.numpy().tobytes()) for image in out}) > 40


@pytest.mark.parametrize("name", STRONG)
def test_the_generator_alone_decides(name: str) -> None:
    images = photo().expand(8, -1, -1, -1)
    torch.manual_seed(1)
    one = run(images, seed=4, **{name: STRONG[name]})
    torch.manual_seed(2)
    assert torch.equal(one, run(images, seed=4, **{name: STRONG[name]}))
    assert not torch.equal(one, run(images, seed=5, **{name: STRONG[name]}))


def test_off_returns_the_images_and_draws_nothing() -> None:
    generator = Generator().manual_seed(0)
    before = generator.get_state()
    images = photo()[None]
    assert augment.of(DataCondition())(images, generator) is images
    assert torch.equal(generator.get_state(), before)


def test_a_resized_crop_shows_a_part_of_the_image() -> None:
    """On a ramp, the range of values that a cut shows is the share of the side that it covers."""
    ramp = torch.linspace(0, 255, 64).expand(500, 1, 64, 64).round().to(torch.uint8)
    out = run(ramp, crop_scale=0.25).float()
    shares = (out.amax((1, 2, 3)) - out.amin((1, 2, 3))) / 255
    assert 0.4 < shares.min() < 0.52
    assert shares.max() > 0.9
    assert (out.amin((1, 2, 3)) < 20).any()
    assert (out.amax((1, 2, 3)) > 235).any()


@pytest.mark.parametrize("shape", [(40, 40), (40, 80)])
def test_a_turn_keeps_shapes_round(shape: tuple[int, int]) -> None:
    rows, columns = torch.meshgrid(*(torch.arange(n) - (n - 1) / 2 for n in shape), indexing="ij")
    disc = ((rows**2 + columns**2 < 15**2) * 255).to(torch.uint8)
    out = run(disc.expand(50, 1, *shape), rotation=180).float() / 255
    near = rows**2 + columns**2 < 19**2  # beyond, the mirrored surroundings may come in
    assert (out - disc / 255).abs()[..., near].mean() < 0.05


def test_a_turn_is_bounded() -> None:
    line = torch.zeros(1, 1, 65, 65, dtype=torch.uint8)
    line[..., 31:34, :] = 255
    out = run(line.expand(300, -1, -1, -1), rotation=10).float()[..., 60]  # the line's height near the right edge
    height = (out[:, 0] * torch.arange(65)).sum(1) / out[:, 0].sum(1) - 32
    reach = 28 * torch.tan(torch.deg2rad(torch.tensor(10.0)))
    assert height.abs().max() <= reach + 1
    assert height.abs().max() > 0.8 * reach
    assert (height < -1).any()
    assert (height > 1).any()


def test_colours_change_within_the_strength() -> None:
    grey = torch.full((500, 3, 4, 4), 100, dtype=torch.uint8)
    out = run(grey, colour_jitter=0.2).float()[:, 0, 0, 0]
    assert 80 <= out.min() < 85
    assert 115 < out.max() <= 120


def test_a_grey_image_stays_one_channel() -> None:
    assert run(torch.randint(0, 256, (4, 1, 8, 8), dtype=torch.uint8), **STRONG).shape == (4, 1, 8, 8)


def test_magnitude_is_how_far_rand_augment_goes() -> None:
    images = photo().expand(200, -1, -1, -1)
    far = [float((run(images, rand_augment=m).float() - images).abs().mean()) for m in (1.0, 5.0, 10.0)]
    assert far == sorted(far)
    assert far[0] < far[2] / 3


def test_it_goes_together_with_the_classic_ones() -> None:
    images = photo().expand(4, -1, -1, -1)
    assert run(images, augment="crop_flip", **STRONG).shape == images.shape
