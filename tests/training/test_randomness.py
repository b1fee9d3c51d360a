import torch

from fitscape.study.training.randomness import Randomness, seeded_default, stream_seed

CPU = torch.device("cpu")


def test_streams_differ_by_name_and_by_seed() -> None:
    seeds = {stream_seed(seed, name) for seed in range(50) for name in ("order", "dropout", "initialization")}
    assert len(seeds) == 150


def test_default_generator_is_private_while_running_and_put_back() -> None:
    torch.manual_seed(1)
    outside = torch.get_rng_state()
    one, other = Randomness(0, CPU), Randomness(0, CPU)
    with one.running():
        first = torch.rand(2)
    assert torch.equal(torch.get_rng_state(), outside)
    with one.running():
        second = torch.rand(2)
    with other.running():
        both = torch.rand(4)
    assert torch.equal(torch.cat([first, second]), both)


def test_state_continues_every_stream() -> None:
    one, other = Randomness(0, CPU), Randomness(1, CPU)
    with one.running():
        torch.rand(3)
    torch.rand(2, generator=one.order)
    other.load_state_dict(one.state_dict())
    assert torch.equal(torch.rand(2, generator=one.order), torch.rand(2, generator=other.order))
    assert torch.equal(torch.rand(2, generator=one.augmentation), torch.rand(2, generator=other.augmentation))
    with one.running():
        expected = torch.rand(2)
    with other.running():
        assert torch.equal(torch.rand(2), expected)


def test_initialization_does_not_disturb_the_process() -> None:
    torch.manual_seed(1)
    outside = torch.get_rng_state()
    with seeded_default(0, "initialization"):
        torch.rand(5)
    assert torch.equal(torch.get_rng_state(), outside)
