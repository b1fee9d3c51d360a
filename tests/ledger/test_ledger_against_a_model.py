"""Any sequence of calls, and reopening at any point, leaves the ledger equal to a plain dictionary's idea of it."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from studies_by_hand import epoch_record, new_ledger

from fitscape.study.config import TrialConfig
from fitscape.study.ledger import EventKind, Ledger
from fitscape.study.records import TrialState

ENDS = st.sampled_from([state for state in TrialState if state.terminal])


class LedgerAgainstModel(RuleBasedStateMachine):
    trials = Bundle("trials")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.ledger = new_ledger(self.folder)
        self.states: dict[str, TrialState] = {}
        self.errors: dict[str, dict[int, float]] = {}
        self.shipped: list[tuple[str | None, int | None]] = []  # what a sink with a cursor has seen of epochs

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)

    @rule(target=trials, seed=st.integers(0, 5))
    def add(self, seed: int) -> str:
        trial_id = self.ledger.add_trial(TrialConfig(seed=seed), {"seed": seed}, "sobol").trial_id
        self.states.setdefault(trial_id, TrialState.PENDING)
        self.errors.setdefault(trial_id, {})
        return trial_id

    @rule(trial_id=trials)
    def start(self, trial_id: str) -> None:
        if self.states[trial_id].terminal:
            with pytest.raises(ValueError, match="cannot be started"):
                self.ledger.start_attempt(trial_id, "here", "cpu")
        else:
            self.ledger.start_attempt(trial_id, "here", "cpu")
            self.states[trial_id] = TrialState.RUNNING

    @rule(trial_id=trials, epoch=st.integers(1, 4), error=st.floats(0, 1))
    def record(self, trial_id: str, epoch: int, error: float) -> None:
        new = epoch not in self.errors[trial_id] and not self.states[trial_id].terminal
        assert self.ledger.record_epoch(trial_id, epoch_record(epoch, val_error=error)) == new
        if new:
            self.errors[trial_id][epoch] = error

    @rule(trial_id=trials, end=ENDS)
    def end(self, trial_id: str, end: TrialState) -> None:
        new = not self.states[trial_id].terminal
        assert self.ledger.end_trial(trial_id, end) == new
        if new:
            self.states[trial_id] = end

    @rule(trial_id=trials)
    def reopen(self, trial_id: str) -> None:
        if self.states[trial_id] is TrialState.FAILED:
            self.ledger.reopen(trial_id)
            self.states[trial_id] = TrialState.PENDING
        else:
            with pytest.raises(ValueError, match="only a failed"):
                self.ledger.reopen(trial_id)

    @rule()
    def release(self) -> None:
        running = [trial_id for trial_id, state in self.states.items() if state is TrialState.RUNNING]
        assert set(self.ledger.release()) == set(running)
        self.states |= dict.fromkeys(running, TrialState.PENDING)

    @rule()
    def another_driver_opens_it(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.folder / "ledger.db")

    @rule()
    def the_ledger_is_replaced_by_its_backup(self) -> None:
        backup = self.ledger.backup(self.folder / "backup.db")
        self.ledger.close()
        backup.replace(self.folder / "ledger.db")
        self.ledger = Ledger.open(self.folder / "ledger.db")

    @rule(limit=st.integers(1, 5))
    def ship(self, limit: int) -> None:
        events = self.ledger.events(self.ledger.cursor("sink"), limit)
        self.shipped += [(e.trial_id, e.epoch) for e in events if e.kind is EventKind.EPOCH]
        if events:
            self.ledger.advance("sink", events[-1].seq)

    @invariant()
    def the_ledger_equals_the_model(self) -> None:
        trials = self.ledger.trials()
        assert {trial.trial_id: trial.state for trial in trials} == self.states
        assert [trial.number for trial in trials] == list(range(len(trials)))
        measured = {t.trial_id: {e.epoch: e.val_error for e in t.epochs} for t in trials}
        assert measured == self.errors

    @invariant()
    def a_sink_that_catches_up_has_every_epoch_once(self) -> None:
        rest = self.ledger.events(self.ledger.cursor("sink"), 10**6)
        seen = self.shipped + [(e.trial_id, e.epoch) for e in rest if e.kind is EventKind.EPOCH]
        recorded = [(trial_id, epoch) for trial_id, epochs in self.errors.items() for epoch in epochs]
        assert sorted(seen) == sorted(recorded)


LedgerAgainstModel.TestCase.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
TestLedgerAgainstModel = LedgerAgainstModel.TestCase
