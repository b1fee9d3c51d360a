"""What a map expects of a trial's end."""

import numpy as np

from fitscape.study.search.end_variance import FEWEST, Knowledge

SEED_SD = 0.3


def told(n: int, known: float = 0.0) -> Knowledge:
    """Ends over one hyperparameter below 0.5; nothing is known above."""
    rng = np.random.default_rng(0)
    knowledge = Knowledge()
    for x in np.linspace(0, 0.5, n):
        z = np.array([np.sin(6 * x), 2 * x]) + rng.normal(0, SEED_SD, 2)
        knowledge.tell(np.array([x]), z, np.full(2, known))
    return knowledge


def test_it_knows_nothing_from_few_ends() -> None:
    assert told(FEWEST - 1).spread(np.array([0.2])) is None
    assert told(FEWEST).spread(np.array([0.2])) is not None


def test_among_many_ends_what_is_left_is_the_seeds_noise_and_far_from_them_it_is_more() -> None:
    knowledge = told(60)
    near, far = knowledge.spread(np.array([0.25])), knowledge.spread(np.array([1.0]))
    assert near is not None
    assert far is not None
    assert (near > 0.4 * SEED_SD**2).all()
    assert (near < 2 * SEED_SD**2).all()
    assert (far > 1.5 * near).all()


def test_forecasts_tell_less_than_ends() -> None:
    point = np.array([0.25])
    ends, forecasts = told(20).spread(point), told(20, known=4.0).spread(point)
    assert ends is not None
    assert forecasts is not None
    assert forecasts.sum() > ends.sum()


def test_the_same_ends_in_the_same_order_give_the_same() -> None:
    first, second = (told(37).spread(np.array([0.4])) for _ in range(2))
    np.testing.assert_array_equal(first, second)
