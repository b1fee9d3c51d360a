"""One run a trial and every point once, whatever is cut off wherever."""

import itertools
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest
from studies_by_hand import epoch_record, label, run_by_hand, wait_until

from fitscape.study.files import BACKUP
from fitscape.study.ledger import Ledger, restore
from fitscape.study.records import Regime, TrialState
from fitscape.study.tracking import Shipper, session, sync
from fitscape.study.tracking.client import Client
from fitscape.study.tracking.location import locate

PATIENCE = "60"  # seconds of one call: a loaded machine that answers late is none of these tests' faults
CALLS = ("create", "log", "log_dataset", "set_status", "upload")
FORK = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", PATIENCE)


def ship_and_die(path, config, calls: int, *, before: bool) -> None:
    """In a process of its own: kill -9 right before or after the n-th call to MLflow."""
    numbers = itertools.count(1)  # of calls: several trials make theirs at a time

    def counted(original):
        def call(*args, **kwargs):
            number = next(numbers)
            if before and number == calls:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = original(*args, **kwargs)
            if number == calls:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call

    for name in CALLS:
        setattr(Client, name, counted(getattr(Client, name)))
    shipper = Shipper(path, config, interval=0.05)
    shipper.start()
    shipper.close(240)


@pytest.mark.parametrize("before", [True, False])
def test_a_shipper_killed_at_any_call_leaves_nothing_missing_and_nothing_twice(
    server, ledger, config, assert_exactly_once, before
):
    """Rows 7 and 8: between create_run and its answer, between log_batch and the cursor, and everywhere else."""
    run_by_hand(ledger, seed=0, epochs=4)
    run_by_hand(ledger, seed=1, epochs=4, end=TrialState.FAILED)
    for seed in (3, 4, 5):
        run_by_hand(ledger, seed=seed, epochs=1)
    running = run_by_hand(ledger, seed=2, epochs=1, end=None)
    killed = 0
    for epoch, calls in enumerate((1, 2, 3, 4, 5, 6, 1, 2, 3, 8, 13), start=2):
        process = FORK.Process(target=ship_and_die, args=(ledger.path, config, calls), kwargs={"before": before})
        process.start()
        process.join(250)
        assert process.exitcode is not None, "one that lives on would ship beside the next"
        killed += process.exitcode == -signal.SIGKILL
        trials = [run["tags"]["trial_id"] for run in nested(server, ledger)]
        assert len(trials) == len(set(trials))
        ledger.record_epoch(running, epoch_record(epoch))  # the study goes on between the crashes
    assert killed >= 8
    shipper = Shipper(ledger.path, config, interval=0.05)
    shipper.start()
    wait_until(lambda: ledger.cursor(shipper._location.sink) == ledger.events(0, 10**6)[-1].seq)
    ledger.end_trial(running, TrialState.FINISHED)
    assert shipper.close(60, extend=True).empty
    assert_exactly_once()


def client_of(ledger: Ledger, config) -> Client:
    return Client(locate(ledger.path.parent.parent, config))


def nested(server, ledger: Ledger) -> Iterator[dict]:
    return (run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "trial")


def test_doubles_that_a_hung_server_made_are_removed_and_the_full_run_stays(
    server, ledger, config, ship, assert_exactly_once
):
    trial_id = run_by_hand(ledger)
    ship()
    (full,) = nested(server, ledger)
    client = client_of(ledger, config)
    parent = full["tags"]["mlflow.parentRunId"]
    tags = {"study_uid": ledger.uid, "kind": "trial", "trial_id": trial_id, "mlflow.parentRunId": parent}
    for start in (1, 2_000_000_000_000):  # an older and a younger one
        client.create("double", start, tags)
    client.create("double", 2_000_000_000_000, {"study_uid": ledger.uid, "kind": "study", "study": "by-hand"})
    ship()
    assert_exactly_once()
    assert [run["run_id"] for run in nested(server, ledger)] == [full["run_id"]]


def test_a_run_that_a_hung_server_makes_after_all_else_was_shipped_is_removed(
    server, ledger, config, ship, assert_exactly_once, monkeypatch
):
    """The answer to a ``create_run`` was lost, it was asked for again, and the first one comes when files are sent."""
    run_by_hand(ledger, seed=1)
    create, upload, late = Client.create, Client.upload, []

    def hangs(self, name, start, tags):
        if tags["kind"] == "trial" and not late:
            late.append((name, start, tags))
            raise TimeoutError("timed out")
        return create(self, name, start, tags)

    def comes(self, *given):
        if len(late) == 1:
            late.append(create(self, *late[0]))
        return upload(self, *given)

    monkeypatch.setattr(Client, "create", hangs)
    monkeypatch.setattr(Client, "upload", comes)
    assert ship().empty
    assert len(late) == 2
    assert_exactly_once()


def test_a_server_that_lost_everything_is_given_everything_again(server, ledger, config, ship, assert_exactly_once):
    run_by_hand(ledger, seed=1)
    run_by_hand(ledger, seed=2, end=TrialState.FAILED)
    ship()
    client = client_of(ledger, config)
    for run in server.runs(ledger.uid):
        client.delete(run["run_id"])
    assert ship().empty
    assert_exactly_once()


def test_a_run_deleted_while_the_study_goes_on_is_made_again(server, ledger, config, ship, assert_exactly_once):
    trial_id = run_by_hand(ledger, end=None)
    shipper = Shipper(ledger.path, config, interval=0.05)
    shipper.start()
    wait_until(lambda: list(nested(server, ledger)))
    (run,) = nested(server, ledger)
    client_of(ledger, config).delete(run["run_id"])
    ledger.record_epoch(trial_id, epoch_record(3))
    ledger.end_trial(trial_id, TrialState.FINISHED)
    assert shipper.close(60, extend=True).empty
    assert_exactly_once()


def test_a_ledger_restored_from_a_backup_does_not_double_what_it_measures_again(
    server, ledger, config, assert_exactly_once
):
    """MLflow then knows more than the ledger, and the epochs measured again have other times."""
    trial_id = run_by_hand(ledger, seed=1, epochs=2, end=None)
    backup = ledger.backup(ledger.path.with_name(BACKUP))
    for epoch in (3, 4):
        ledger.record_epoch(trial_id, epoch_record(epoch))
    ledger.end_trial(trial_id, TrialState.FINISHED)
    run_by_hand(ledger, seed=2)
    assert sync(ledger.path, config.uri).empty
    ledger.close()
    restore(ledger.path, backup)
    with Ledger.open(ledger.path) as restored:
        for epoch in (3, 4, 5):
            restored.record_epoch(trial_id, epoch_record(epoch, time=1_800_000_000.0 + epoch))
        restored.end_trial(trial_id, TrialState.FINISHED)
        assert sync(restored.path, config.uri).empty
        assert len(restored.trials()) == 1
        assert_exactly_once(restored)


def test_shipping_again_from_the_start_adds_nothing(server, ledger, config, ship, assert_exactly_once):
    run_by_hand(ledger, epochs=5)
    ship()
    with ledger._database.write() as connection:  # as after a cursor that was never written
        connection.execute("DELETE FROM cursors")
    assert ship().empty
    assert_exactly_once()


def test_a_first_sync_sends_each_trial_once_however_many_events_tell_of_it(
    server, ledger, config, assert_exactly_once, monkeypatch
):
    monkeypatch.setattr(session, "BATCH", 3)
    trials = [run_by_hand(ledger, seed=seed) for seed in range(4)]
    ledger.put_labels([label(trial_id, Regime.OVERFIT) for trial_id in trials])
    log, sent = Client.log, Counter()

    def counted(self, run_id, *given):
        sent[run_id] += 1
        return log(self, run_id, *given)

    monkeypatch.setattr(Client, "log", counted)
    assert sync(ledger.path, config.uri).empty
    assert_exactly_once()
    runs = list(nested(server, ledger))
    assert [sent[run["run_id"]] for run in runs] == [1] * 4
    assert {run["tags"]["regime"] for run in runs} == {Regime.OVERFIT}
    ledger.put_labels([label(trials[0], Regime.GOOD)])
    assert sync(ledger.path, config.uri).empty
    assert {run["tags"]["trial_id"]: run["tags"]["regime"] for run in nested(server, ledger)}[trials[0]] == Regime.GOOD


def test_epochs_that_were_taken_back_go_out_of_a_run_even_where_much_else_is_to_be_sent(
    server, ledger, config, ship, assert_exactly_once, monkeypatch
):
    """Its end is seen at once, and that its first epochs are void only in a later batch."""
    trial_id = run_by_hand(ledger, end=None)
    ship()
    monkeypatch.setattr(session, "BATCH", 3)
    run_by_hand(ledger, seed=1)
    ledger.void_epochs(trial_id)
    ledger.record_epoch(trial_id, epoch_record(1, val_error=0.3))
    ledger.end_trial(trial_id, TrialState.FINISHED)
    assert sync(ledger.path, config.uri).empty
    assert_exactly_once()
