import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from studies_by_hand import epoch_record, new_ledger, run_by_hand

from fitscape.study.config import TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.ledger import EventKind, Ledger
from fitscape.study.records import ModelSize, TrialState


@pytest.fixture
def ledger(tmp_path: Path):
    with new_ledger(tmp_path) as ledger:
        yield ledger


def test_a_study_of_the_same_name_is_refused_and_left_as_it_was(ledger):
    """Row 23."""
    run_by_hand(ledger)
    with pytest.raises(UserError, match="already here"):
        new_ledger(ledger.path.parent)
    assert len(ledger.trials()) == 1


def test_adding_the_same_config_again_returns_the_first_trial(ledger):
    first = ledger.add_trial(TrialConfig(seed=1), {"seed": 1}, "sobol")
    again = ledger.add_trial(TrialConfig(seed=1), {"other": 2}, "regime")
    assert again == first
    assert [trial.number for trial in (first, ledger.add_trial(TrialConfig(seed=2), {}, "sobol"))] == [0, 1]


def test_the_first_record_of_an_epoch_stays(ledger):
    trial_id = run_by_hand(ledger, epochs=1, end=None)
    assert not ledger.record_epoch(trial_id, epoch_record(1, val_error=0.99))
    assert ledger.trial(trial_id).epochs == (epoch_record(1),)
    assert [event.kind for event in ledger.events(0)].count(EventKind.EPOCH) == 1


def test_epochs_that_came_together_are_written_together_or_not_at_all(ledger):
    trial_id = run_by_hand(ledger, epochs=2, end=None)
    come = [epoch_record(2, val_error=0.99), epoch_record(3), epoch_record(4), epoch_record(3, val_error=0.99)]
    assert ledger.record_epochs(trial_id, come) == [epoch_record(3), epoch_record(4)]
    with pytest.raises(sqlite3.IntegrityError):
        ledger.record_epochs(trial_id, [epoch_record(5), replace(epoch_record(6), val_error="none")])
    assert ledger.trial(trial_id).epochs == tuple(map(epoch_record, (1, 2, 3, 4)))
    assert [event.epoch for event in ledger.events(0) if event.kind is EventKind.EPOCH] == [1, 2, 3, 4]


def test_the_first_end_of_a_trial_stays(ledger):
    trial_id = run_by_hand(ledger, end=TrialState.STOPPED)
    ended = ledger.trial(trial_id)
    assert not ledger.end_trial(trial_id, TrialState.FAILED, "late news", size=ModelSize(parameters=1, flops=1))
    assert not ledger.record_epoch(trial_id, epoch_record(9))
    with pytest.raises(ValueError, match="cannot be started again"):
        ledger.start_attempt(trial_id, "here", "cpu")
    assert ledger.trial(trial_id) == ended


def test_only_a_failed_trial_can_be_reopened_and_keeps_its_epochs(ledger):
    failed = run_by_hand(ledger, seed=1, end=TrialState.FAILED)
    finished = run_by_hand(ledger, seed=2)
    ledger.reopen(failed)
    assert [(t.trial_id, len(t.epochs), t.state) for t in ledger.pending()] == [(failed, 2, TrialState.PENDING)]
    assert ledger.start_attempt(failed, "there", "cpu") == 2
    with pytest.raises(ValueError, match="only a failed"):
        ledger.reopen(finished)


def test_pending_trials_continue_before_they_begin_and_running_ones_are_released(ledger):
    fresh = ledger.add_trial(TrialConfig(seed=1), {}, "sobol").trial_id
    begun = run_by_hand(ledger, seed=2, epochs=1, end=None)
    further = run_by_hand(ledger, seed=3, epochs=2, end=None)
    run_by_hand(ledger, seed=4)
    assert ledger.release() == [begun, further]
    assert [trial.trial_id for trial in ledger.pending()] == [further, begun, fresh]
    assert ledger.counts() == dict.fromkeys(TrialState, 0) | {TrialState.PENDING: 3, TrialState.FINISHED: 1}
    assert ledger.release() == []


def test_only_the_named_epochs_are_read(ledger):
    trial_id = run_by_hand(ledger, epochs=4)
    assert [record.epoch for record in ledger.trial(trial_id, epochs={4, 2}).epochs] == [2, 4]
    assert [trial.epochs for trial in ledger.trials(epochs=())] == [()]


def test_extra_and_size_are_merged_into_the_trial(ledger):
    trial_id = run_by_hand(ledger, end=None)
    ledger.annotate(trial_id, size=ModelSize(parameters=10, flops=20), micro_batch=64)
    ledger.end_trial(trial_id, TrialState.FAILED, "oom", oom=True)
    trial = ledger.trial(trial_id)
    assert (trial.size, trial.extra) == (ModelSize(parameters=10, flops=20), {"micro_batch": 64, "oom": True})


def test_an_unknown_trial_is_a_key_error(ledger):
    for call in (ledger.trial, ledger.reopen, lambda t: ledger.record_epoch(t, epoch_record())):
        with pytest.raises(KeyError):
            call("0123456789ab")


def test_amending_the_config_keeps_the_old_one_in_a_note(ledger):
    old, provenance = ledger.config, ledger.provenance
    new = old.model_copy(update={"description": "more trials"})
    ledger.amend(old, provenance)
    assert ledger.notes("amended") == []
    ledger.amend(new, provenance)
    assert ledger.config == new
    assert ledger.notes("amended")[0].body["config"] == old.model_dump(mode="json")


def test_notes_keep_their_order_when_the_clock_goes_back(ledger, monkeypatch):
    """Row 22."""
    for clock, reason in ((2_000_000_000.0, "first"), (1_000_000_000.0, "second")):
        monkeypatch.setattr(time, "time", lambda clock=clock: clock)
        ledger.add_note("test_opened", reason)
    run_by_hand(ledger)
    assert [note.body for note in ledger.notes("test_opened")] == ["first", "second"]
    sequence = [event.seq for event in ledger.events(0)]
    assert sequence == sorted(set(sequence))


def test_facts_are_kept_by_key(ledger):
    ledger.set_meta("audit", {"false_stops": 1})
    assert ledger.get_meta("audit") == {"false_stops": 1}
    assert ledger.get_meta("none", "default") == "default"


def test_a_sink_that_follows_the_outbox_sees_every_change_once(ledger):
    run_by_hand(ledger, seed=1)
    seen = ledger.events(ledger.cursor("sink"), limit=3)
    ledger.advance("sink", seen[-1].seq)
    ledger.advance("sink", 1)  # a late call does not move it back
    run_by_hand(ledger, seed=2)
    seen += ledger.events(ledger.cursor("sink"))
    assert [event.kind.value for event in seen] == ["study", *(["added", "started", "epoch", "epoch", "ended"] * 2)]


def test_another_process_reads_while_threads_write(ledger):
    """`status` from another terminal, beside the driver; every trial it sees is whole."""
    trials = [ledger.add_trial(TrialConfig(seed=seed), {}, "sobol").trial_id for seed in range(4)]

    def write(trial_id: str) -> None:
        ledger.start_attempt(trial_id, "here", "cpu")
        for epoch in range(1, 101):
            ledger.record_epoch(trial_id, epoch_record(epoch))
        ledger.end_trial(trial_id, TrialState.FINISHED)

    reader = (
        "import sys, pathlib; from fitscape.study.ledger import Ledger\n"
        "ledger = Ledger.open(pathlib.Path(sys.argv[1]), read_only=True)\n"
        "for _ in range(20):\n"
        "    for t in ledger.trials(): assert [e.epoch for e in t.epochs] == list(range(1, len(t.epochs) + 1))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", reader, str(ledger.path)])
    threads = [threading.Thread(target=write, args=(trial_id,)) for trial_id in trials]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert process.wait(60) == 0
    assert [len(trial.epochs) for trial in ledger.trials()] == [100] * 4
    assert ledger.counts()[TrialState.FINISHED] == 4


def test_what_was_committed_survives_kill_9(tmp_path):
    """Row 7, the ledger's part: each number the process printed was committed before it was killed."""
    child = (
        "import sys, pathlib; from studies_by_hand import *\n"
        "ledger = new_ledger(pathlib.Path(sys.argv[1]))\n"
        "t = run_by_hand(ledger, epochs=0, end=None)\n"
        "for epoch in range(1, 100000):\n"
        "    ledger.record_epoch(t, epoch_record(epoch)); print(epoch, flush=True)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", child, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    for _ in range(50):
        printed = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    printed = int((process.stdout.read().split() or [printed])[-1])
    process.wait()
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        epochs = [record.epoch for record in ledger.trials()[0].epochs]
        assert epochs == list(range(1, len(epochs) + 1))
        assert printed <= len(epochs) <= printed + 1
        assert len(ledger.events(0, 10**6)) == 3 + len(epochs)


def test_recording_an_epoch_costs_the_same_few_statements_however_many_there_are(ledger):
    """A counter in place of a clock: it decides how long the writer takes, on every machine."""
    trial_id = run_by_hand(ledger, epochs=0, end=None)
    statements = []
    ledger._database._connection.set_trace_callback(statements.append)
    counts = []
    for epoch in range(1, 51):
        statements.clear()
        ledger.record_epoch(trial_id, epoch_record(epoch))
        counts.append(len(statements))
    assert len(set(counts)) == 1
    assert counts[0] <= 8
