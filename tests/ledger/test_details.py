"""What is large of a trial lies in tables of its own, and is read when somebody looks at it."""

import math
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from studies_by_hand import epoch_record, new_ledger

from fitscape.study.config import TrialConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import GradientProfile, LatePair, TrialState

LATE = LatePair(
    best_epoch=1,
    last_epoch=2,
    best_losses=(0.5, 1 / 3),  # a third takes 64 bits
    last_losses=(math.inf, 2.0),
    best_errors=(True, False),
    last_errors=(False, True),
)


def profile(step: int) -> GradientProfile:
    return GradientProfile(step=step, layers=("stem", "head"), gradient_norms=(0.25, 0.1), weight_norms=(4.0, 8.0))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Two trials of two epochs; the first has profiles and a late pair."""
    with new_ledger(tmp_path) as ledger:
        for seed, rich in ((0, True), (1, False)):
            trial_id = ledger.add_trial(TrialConfig(seed=seed), {"seed": seed}, "sobol").trial_id
            ledger.start_attempt(trial_id, "here", "cpu")
            ledger.record_epoch(trial_id, epoch_record(1, gradients=(profile(0), profile(1)) if rich else ()))
            ledger.record_epoch(trial_id, epoch_record(2, gradients=(profile(2),) if rich else ()))
            ledger.end_trial(trial_id, TrialState.FINISHED, late=LATE if rich else None)
        yield ledger


def test_records_are_the_same_whether_details_are_read_now_or_later(ledger: Ledger) -> None:
    whole, later = ledger.trials(), ledger.trials(details=False)
    assert later == whole
    assert whole[0].late == LATE
    assert [len(epoch.gradients) for epoch in later[0].epochs] == [2, 1]
    assert later[0].epochs[0].gradients[-1] == profile(1)
    assert not later[1].epochs[0].gradients
    assert later[1].late is None


def test_nobody_reads_what_nobody_looks_at(ledger: Ledger) -> None:
    with ledger._database.write() as connection:
        connection.execute("UPDATE profiles SET profiles = x'00'")
        connection.execute("UPDATE late_pairs SET losses = x'00'")
    trial = ledger.trials(details=False)[0]
    assert ([epoch.epoch for epoch in trial.epochs], trial.late and trial.late.last_epoch) == ([1, 2], 2)
    assert ledger.pending() == []
    with pytest.raises(zlib.error):
        len(trial.epochs[0].gradients)
    with pytest.raises(zlib.error):
        ledger.trials()


def test_a_record_takes_its_details_to_another_process(ledger: Ledger) -> None:
    whole = ledger.trials()
    later = ledger.trials(details=False)
    sent = pickle.dumps(later)
    ledger.close()
    assert later == whole, "closed or not"
    ledger.path.rename(ledger.path.with_name("away.db"))
    assert pickle.loads(sent) == whole


def test_epochs_that_are_forgotten_leave_no_profile(ledger: Ledger) -> None:
    trial_id = ledger.add_trial(TrialConfig(seed=2), {"seed": 2}, "sobol").trial_id
    ledger.start_attempt(trial_id, "here", "cpu")
    ledger.record_epoch(trial_id, epoch_record(1, gradients=(profile(7),)))
    ledger.void_epochs(trial_id)
    ledger.record_epoch(trial_id, epoch_record(1, gradients=(profile(8),)))
    assert ledger.trial(trial_id).epochs[0].gradients == (profile(8),)


def test_what_32_bits_hold_takes_32_bits(ledger: Ledger) -> None:
    with ledger._database.read() as connection:
        (blob,) = connection.execute("SELECT profiles FROM profiles WHERE epoch = 2").fetchone()
        assert zlib.decompress(blob).partition(b"\n")[2][:1] == b"d", "0.1 takes 64 bits"
    short = GradientProfile(step=0, layers=("a",), gradient_norms=(0.25,), weight_norms=(math.nan,))
    trial_id = ledger.add_trial(TrialConfig(seed=3), {"seed": 3}, "sobol").trial_id
    ledger.record_epoch(trial_id, epoch_record(1, gradients=(short,)))
    with ledger._database.read() as connection:
        sql = "SELECT profiles FROM profiles WHERE trial_id = ?"
        (blob,) = connection.execute(sql, (trial_id,)).fetchone()
    assert zlib.decompress(blob).partition(b"\n")[2][:1] == b"f"
