"""Several trials at a time on their way to a server, one at a time into a file."""

import threading
import time
from typing import Any

import pytest
from studies_by_hand import run_by_hand

from fitscape.study.config import TrackingConfig
from fitscape.study.tracking import Shipper
from fitscape.study.tracking.session import Session
from fitscape.study.tracking.together import SERVED, together


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many trials were under way, whenever one set out."""
    under_way: set[str] = set()
    counts: list[int] = []
    guard, original = threading.Lock(), Session._ship_trial

    def watched(session: Session, trial: Any, label: Any) -> None:
        with guard:
            assert trial.trial_id not in under_way, "two parts of one trial at a time"
            under_way.add(trial.trial_id)
            counts.append(len(under_way))
        try:
            time.sleep(0.1)
            original(session, trial, label)
        finally:
            with guard:
                under_way.remove(trial.trial_id)

    monkeypatch.setattr(Session, "_ship_trial", watched)
    return counts


def test_a_server_is_sent_several_trials_at_a_time(server, ledger, ship, at_once, assert_exactly_once):
    for seed in range(2 * SERVED):
        run_by_hand(ledger, seed=seed, epochs=2)
    assert ship().empty
    assert max(at_once) == SERVED
    assert_exactly_once()


def test_a_file_is_written_to_by_one_trial_at_a_time(ledger, fresh_store, at_once):
    (ledger.path.parent.parent / "mlflow.db").write_bytes(fresh_store.content)
    for seed in range(3):
        run_by_hand(ledger, seed=seed, epochs=1)
    shipper = Shipper(ledger.path, TrackingConfig(), interval=0.05)
    shipper.start()
    assert shipper.close(60, extend=True).empty
    assert max(at_once) == 1


def test_what_fails_does_not_keep_the_others_from_their_ends():
    done: list[str] = []

    def act(trial_id: str) -> None:
        if trial_id == "b":
            raise OSError("no route to host")
        time.sleep(0.05)
        done.append(trial_id)

    raised = together(act, ["a", "b", "c"])
    assert sorted(done) == ["a", "c"]
    assert [type(error) for error in raised] == [type(None), OSError, type(None)]
