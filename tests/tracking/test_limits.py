"""A server that refuses, limits and stumbles: everything arrives once; what never does ends in time and is said."""

import itertools
import os
import re
import time
from collections import Counter

import pytest
from faulty_proxy import Answer, Call, FaultyProxy
from studies_by_hand import epoch_record, run_by_hand, wait_until

from fitscape.study.config import TrackingConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import ModelSize, TrialState
from fitscape.study.tracking import Shipper, pace, projection, session, sync

METRICS = len(projection.metrics(epoch_record()))


def start(ledger: Ledger, proxy: FaultyProxy) -> Shipper:
    shipping = Shipper(ledger.path, TrackingConfig(uri=proxy.uri), interval=0.05)
    shipping.start()
    return shipping


def test_uploads_that_are_refused_end_in_time_and_are_named(ledger, proxy, assert_exactly_once):
    run_by_hand(ledger, seed=1)
    (ledger.path.parent / "study.yaml").write_text("name: by-hand\n")
    proxy.fault = lambda call: Answer(413) if "mlflow-artifacts" in call.path else None
    begun = time.monotonic()
    backlog = sync(ledger.path, proxy.uri, patience=5.0)
    assert time.monotonic() - begun < 60, "what was sent before counted as progress"
    assert (backlog.points, backlog.runs) == (0, 0)
    assert backlog.files == 2
    assert "larger than the server takes (413)" in backlog.error
    assert_exactly_once()


def test_one_file_that_is_refused_does_not_hold_up_the_others(server, ledger, proxy):
    run_by_hand(ledger, seed=1)
    (ledger.path.parent / "study.yaml").write_text("name: by-hand\n")
    (ledger.path.parent / "report").mkdir()
    (ledger.path.parent / "report" / "index.html").write_text("<h1>map</h1>")
    proxy.fault = lambda call: Answer(413) if call.path.endswith("study.yaml") else None
    backlog = sync(ledger.path, proxy.uri, patience=5.0)
    assert backlog.files == 2  # it, and the mark that all is done
    (parent,) = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "study"]
    there = {file["path"] for file in server.get("artifacts/list", run_id=parent["run_id"])["files"]}
    assert there == {"report", "ledger"}


@pytest.mark.timeout(200)
def test_errors_now_and_then_and_a_limit_of_calls_only_slow_it_down(ledger, proxy, assert_exactly_once):
    for seed in range(14):
        run_by_hand(ledger, seed=seed, epochs=2)
    recent: list[float] = []

    def fault(call: Call) -> Answer | None:
        now = time.monotonic()
        recent[:] = [at for at in recent if now - at < 1.0]
        if len(recent) >= 14:
            return Answer(429, retry_after=1)
        recent.append(now)
        return Answer(500, after=call.number % 2 == 0) if call.number % 20 == 7 else None

    proxy.fault = fault
    cursors = []
    shipping = start(ledger, proxy)
    wait_until(lambda: cursors.append(ledger.cursor(shipping._location.sink)) or cursors[-1] > 0, 60)
    assert shipping.close(60, extend=True).empty
    proxy.fault = lambda call: None
    assert sync(ledger.path, proxy.uri).empty
    assert_exactly_once()


def test_an_error_costs_the_trial_it_hit_and_not_the_batch(ledger, proxy):
    """With 1 error in 100 calls and 1,000 events a batch the cursor would never move."""
    for seed in range(12):
        run_by_hand(ledger, seed=seed, epochs=1)
    creates = itertools.count(1)
    proxy.fault = lambda call: Answer(503) if call.path.endswith("runs/create") and next(creates) == 8 else None
    shipping = start(ledger, proxy)
    wait_until(lambda: shipping.error, 60)
    assert ledger.cursor(shipping._location.sink) > 16, "the four trials before those that were sent with it"
    assert shipping.close(60, extend=True).empty
    made = Counter(call.path.rpartition("/")[2] for call in proxy.calls if call.path.endswith("runs/create"))
    assert made["create"] == 14  # 12 trials, the parent, and the one that failed


def test_a_run_whose_answer_was_lost_is_found_again(server, ledger, proxy, assert_exactly_once):
    for seed in range(3):
        run_by_hand(ledger, seed=seed, epochs=1)
    creates = itertools.count(1)
    proxy.fault = lambda call: (
        Answer(0, after=True) if call.path.endswith("runs/create") and next(creates) == 3 else None
    )
    shipping = start(ledger, proxy)
    wait_until(lambda: ledger.cursor(shipping._location.sink) == ledger.last_event, 60)
    runs = Counter(run["tags"].get("trial_id") for run in server.runs(ledger.uid))
    assert set(runs.values()) == {1}, "it was made twice"
    assert shipping.close(60).empty
    assert_exactly_once()


def test_retry_after_is_heeded(ledger, proxy):
    run_by_hand(ledger, seed=1)
    limited: list[Call] = []

    def fault(call: Call) -> Answer | None:
        if call.path.endswith("log-batch") and not limited:
            limited.append(call)
            return Answer(429, retry_after=3)
        return None

    proxy.fault = fault
    shipping = start(ledger, proxy)
    wait_until(lambda: limited and proxy.calls[-1] is not limited[0], 60)
    after = proxy.calls[proxy.calls.index(limited[0]) + 1]
    assert after.at - limited[0].at >= 2.9
    assert shipping.close(60, extend=True).empty


def test_a_slow_upload_is_given_time_by_its_size(ledger, proxy, monkeypatch):
    monkeypatch.setattr(pace, "UPLOAD_SECONDS", 1.0)
    monkeypatch.setattr(pace, "UPLOAD_RATE", 20_000)
    monkeypatch.setenv(pace.TIMEOUT, "1")
    run_by_hand(ledger, seed=1)
    slow = []

    def fault(call: Call) -> Answer | None:
        if call.path.endswith("ledger.db"):
            slow.append(call)
            return Answer(200, delay=3.0, after=True)
        return None

    proxy.fault = fault
    assert sync(ledger.path, proxy.uri).empty
    assert len(slow) == 1, "it was stored again and again"
    assert os.environ[pace.TIMEOUT] == "1"


def test_an_upload_that_takes_longer_than_the_patience_is_waited_for_by_sync(ledger, proxy):
    """It was begun anew by each sync, and never came to an end."""
    run_by_hand(ledger, seed=1)
    proxy.fault = lambda call: time.sleep(8) if call.path.endswith("ledger.db") else None
    assert sync(ledger.path, proxy.uri, patience=4).empty


def test_a_call_that_takes_longer_than_a_call_may_take_is_given_twice_the_time(
    ledger, proxy, monkeypatch, assert_exactly_once
):
    """As the list of a large study's runs: nothing of it ever arrived."""
    run_by_hand(ledger, seed=1)
    monkeypatch.setenv(pace.TIMEOUT, "1")
    proxy.fault = lambda call: time.sleep(1.5) if call.path.endswith("runs/search") else None
    assert sync(ledger.path, proxy.uri).empty
    assert_exactly_once()


def test_a_server_whose_every_answer_takes_a_while_has_not_fallen_silent(ledger, proxy, assert_exactly_once):
    """Each answer comes well within the patience, a trial with all that goes before it does not."""
    run_by_hand(ledger, seed=1)
    proxy.fault = lambda call: time.sleep(1.5)
    assert sync(ledger.path, proxy.uri, patience=7).empty
    assert_exactly_once()


def test_size_arrives_for_a_trial_that_was_shipped_while_it_ran(server, ledger, proxy):
    trial_id = run_by_hand(ledger, end=None)
    shipping = start(ledger, proxy)
    wait_until(lambda: ledger.cursor(shipping._location.sink) == ledger.last_event, 60)
    ledger.end_trial(trial_id, TrialState.FINISHED, size=ModelSize(parameters=7, flops=9))
    assert shipping.close(60, extend=True).empty
    (run,) = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "trial"]
    assert (run["params"]["parameters"], run["params"]["flops"]) == ("7", "9")


def test_patience_is_renewed_by_progress_and_by_nothing_else(ledger, proxy):
    """Each step takes less than the patience, all of them more: four trials go at a time."""
    for seed in range(8):
        run_by_hand(ledger, seed=seed, epochs=1)
    proxy.fault = lambda call: time.sleep(1.2) if call.path.endswith("log-batch") else None
    shipping = start(ledger, proxy)
    wait_until(lambda: proxy.calls, 60)
    begun = time.monotonic()
    assert shipping.close(3.5, extend=True).empty
    assert time.monotonic() - begun > 4


def test_the_disk_has_it_before_mlflow_hears_of_it(ledger, proxy, monkeypatch):
    trial_id = run_by_hand(ledger, seed=1)
    heard: list[str] = []
    harden, log = session.Ledger.harden, session.Client.log
    monkeypatch.setattr(session.Ledger, "harden", lambda self: (heard.append("disk"), harden(self))[1])
    monkeypatch.setattr(
        session.Client, "log", lambda self, run_id, *a, **k: (heard.append("mlflow"), log(self, run_id, *a, **k))[1]
    )
    monkeypatch.setattr(session.Session, "describe", lambda self, *, leaving: None)
    sync(ledger.path, proxy.uri, patience=5)
    assert heard[0] == "disk", heard
    assert "mlflow" in heard
    assert trial_id


def test_a_ledger_that_cannot_be_read_for_a_while_ends_no_shipping_and_is_said(ledger, proxy, monkeypatch):
    said: list[str] = []
    refusals = [OSError(5, "Input/output error")] * 2

    def flaky(ledger):
        if refusals:
            raise refusals.pop()
        return True

    monkeypatch.setattr(Ledger, "begun", property(flaky))
    run_by_hand(ledger, seed=1)
    shipping = Shipper(ledger.path, TrackingConfig(uri=proxy.uri), interval=0.05, say=said.append)
    shipping.start()
    wait_until(lambda: ledger.cursor(shipping._location.sink) > 0, 60)
    assert shipping.close(60, extend=True).empty
    assert said == ["the shipper stopped: OSError: [Errno 5] Input/output error; it starts again"]


def test_expected_values_are_written_out(server, ledger, proxy):
    """Not by the projection, which is the code under test."""
    trial_id = run_by_hand(ledger, epochs=0, end=None)
    ledger.record_epoch(trial_id, epoch_record(1, train_error=0.125, val_error=0.375, train_loss=0.5, val_loss=0.75))
    ledger.end_trial(trial_id, TrialState.FINISHED)
    assert sync(ledger.path, proxy.uri).empty
    (run,) = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "trial"]
    found = {key: [value for _, value, _ in server.history(run["run_id"], key)] for key in run["metrics"]}
    assert found == {
        "train_error": [0.125],
        "val_error": [0.375],
        "train_loss": [0.5],
        "val_loss": [0.75],
        "gap": [0.25],
        "batch_loss": [1.0],
        "learning_rate": [0.1],
        "gradient_ratio": [0.5],
        "system/images_per_second": [1000.0],
        "system/train_seconds": [1.0],
        "system/eval_seconds": [0.25],
        "system/peak_memory_mib": [64.0],
    }
    assert server.history(run["run_id"], "val_error") == [(1, 0.375, 1_700_000_001_000)]
    assert (run["tags"]["state"], run["status"], run["tags"]["attempts"]) == ("finished", "FINISHED", "1")
    assert re.fullmatch(r"0000 resnet\d+", run["run_name"])
