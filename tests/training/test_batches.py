import pytest
import torch

from fitscape.study.training.batches import Batches


def stream(n: int, batch_size: int, seed: int = 0) -> Batches:
    images = torch.arange(100, dtype=torch.uint8).view(100, 1, 1, 1)
    indices = torch.arange(n) + 50
    return Batches(
        images, indices.clone(), indices, batch_size=batch_size, generator=torch.Generator().manual_seed(seed)
    )


def test_a_pass_shows_each_image_at_most_once_with_its_label() -> None:
    batches = stream(10, 3)
    assert batches.per_pass == 3
    drawn = [batches.draw() for _ in range(3)]
    seen = torch.cat([labels for _, labels in drawn])
    assert len(seen.unique()) == len(seen) == 9
    for images, labels in drawn:
        assert torch.equal(images.flatten().long(), labels)


def test_passes_are_shuffled_anew_and_drop_different_images() -> None:
    batches = stream(10, 3)
    passes = [frozenset(torch.cat([batches.draw()[1] for _ in range(3)]).tolist()) for _ in range(20)]
    assert len(set(passes)) > 3


@pytest.mark.parametrize("n", [1, 4])
def test_subset_below_the_batch_size_is_drawn_whole(n: int) -> None:
    batches = stream(n, 128)
    assert batches.per_pass == 1
    assert sorted(batches.draw()[1].tolist()) == list(range(50, 50 + n))


def test_state_continues_within_a_pass() -> None:
    batches = stream(20, 3)
    for _ in range(4):
        batches.draw()
    other = stream(20, 3, seed=1)
    other.load_state_dict(batches.state_dict())
    assert all(torch.equal(batches.draw()[1], other.draw()[1]) for _ in range(2))
