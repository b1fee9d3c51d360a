import torch

from fitscape.study.training.evaluation import ImageResults
from fitscape.study.training.late import BestEpoch

HALF_A = torch.tensor([True, False, True, False])


def evaluation(*losses: float) -> ImageResults:
    tensor = torch.tensor(losses)
    return ImageResults(tensor, torch.zeros(4, dtype=torch.int64), tensor > 1, torch.ones(4))


def test_best_is_chosen_on_half_a_and_told_of_half_b() -> None:
    best = BestEpoch(HALF_A)
    best.update(1, evaluation(0.5, 9.0, 0.5, 9.0))
    best.update(2, evaluation(0.25, 8.0, 0.25, 0.5))
    best.update(3, evaluation(0.25, 1.0, 0.25, 1.0))  # a tie goes to the earlier
    last = evaluation(4.0, 2.0, 4.0, 0.25)
    best.update(4, last)
    pair = best.pair(4, last)
    assert pair is not None
    assert (pair.best_epoch, pair.last_epoch) == (2, 4)
    assert (pair.best_losses, pair.last_losses) == ((8.0, 0.5), (2.0, 0.25))
    assert (pair.best_errors, pair.last_errors) == ((True, False), (True, False))


def test_no_finite_epoch_no_pair() -> None:
    best = BestEpoch(HALF_A)
    dead = evaluation(float("nan"), 1.0, 1.0, 1.0)
    best.update(1, dead)
    assert best.pair(1, dead) is None
