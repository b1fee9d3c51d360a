"""Which lost attempts count."""

from fitscape.study.scheduling.heartbeat import Address
from fitscape.study.scheduling.losses import AttemptLoss, Losses
from fitscape.study.scheduling.reports import Start, WorkerReport


def start() -> WorkerReport:
    return WorkerReport(start=Start(node="n", device="cpu", records=(), node_id="n", pulse=Address(0, 0)))


def test_twenty_lost_nodes_end_no_trial_that_comes_further_each_time() -> None:
    losses = Losses(3)
    for epoch in range(20):
        losses.heard("t", start())
        losses.heard("t", WorkerReport(saved=epoch + 1))
        assert losses.again("t", AttemptLoss.MACHINE)
    assert losses.lost["t"] == 20


def test_three_lost_nodes_in_a_row_without_a_checkpoint_end_it() -> None:
    losses = Losses(3)
    for _ in range(2):
        losses.heard("t", start())
        assert losses.again("t", AttemptLoss.MACHINE)
    losses.heard("t", start())
    losses.heard("t", WorkerReport(saved=4))
    assert losses.again("t", AttemptLoss.MACHINE), "this one brought a checkpoint: the count begins anew"
    assert [losses.again("t", AttemptLoss.MACHINE) for _ in range(3)] == [True, True, False]


def test_a_process_that_dies_counts_whatever_it_brought() -> None:
    losses = Losses(2)
    losses.heard("t", start())
    losses.heard("t", WorkerReport(saved=1))
    assert losses.again("t", AttemptLoss.PROCESS)
    assert not losses.again("t", AttemptLoss.PROCESS)


def test_a_broken_card_counts_against_no_trial() -> None:
    losses = Losses(1)
    assert all(losses.again("t", AttemptLoss.REFUSED) for _ in range(50))
    assert not losses.again("t", AttemptLoss.PROCESS)
