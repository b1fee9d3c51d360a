"""Trials that end well, badly, or not at all, on a real Ray: what the ledger holds afterwards."""

import os
import signal
import threading
from collections.abc import Callable
from itertools import accumulate, pairwise
from pathlib import Path

import odd_trials as odd
import pytest
from odd_trials import Heard, epochs_trained, seeds_study

from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.scheduling import tuning
from fitscape.study.scheduling.events import Event, Expected, TrialStarted
from fitscape.study.scheduling.interruption import Interruption, listening
from fitscape.study.scheduling.packing import Request
from fitscape.study.scheduling.run_trials import Outcome
from fitscape.study.scheduling.time_limit import CLOSING, REPORT, TimeLimit

RunStudy = Callable[..., Outcome]


class Mixed:
    """One study with a trial of every kind."""

    def __init__(self, folder: Path, outcome: Outcome, heard: Heard) -> None:
        self.folder, self.outcome, self.heard = folder, outcome, heard
        with Ledger.open(folder / "ledger.db") as ledger:
            self.trials: dict[int, TrialRecord] = {trial.config.seed: trial for trial in ledger.trials()}


@pytest.fixture(scope="module")
def mixed(run_study: RunStudy, tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    folder, heard = tmp_path_factory.mktemp("mixed"), Heard()
    seeds = [1, odd.HALVED, odd.RAISES, odd.KILLED_ONCE, odd.OUT_OF_MEMORY, odd.NO_RECORD, odd.DIVERGES, 2, odd.HANGS]
    config = seeds_study([*seeds, odd.KILLED_ALWAYS], max_attempts=2, trial_timeout=2.0)
    return Mixed(folder, run_study(folder, config, observer=heard), heard)


@pytest.mark.ci
def test_trials_that_end_well_have_every_epoch_once(mixed: Mixed) -> None:
    for seed in (1, 2):
        trial = mixed.trials[seed]
        assert trial.state is TrialState.FINISHED
        assert [record.epoch for record in trial.epochs] == [1, 2, 3, 4]
        assert trial.attempts == 1
        assert trial.device == "cpu"
        assert ":" in trial.node


@pytest.mark.ci
def test_an_exception_fails_its_trial_alone_and_is_not_tried_again(mixed: Mixed) -> None:
    trial = mixed.trials[odd.RAISES]
    assert (trial.state, trial.attempts) == (TrialState.FAILED, 1)
    assert trial.message == "ArithmeticError: no such luck"
    assert "odd_trials.py" in trial.extra["traceback"]
    assert [record.epoch for record in trial.epochs] == [1]


@pytest.mark.ci
def test_a_killed_worker_is_replaced_and_continues_from_the_checkpoint(mixed: Mixed) -> None:
    trial = mixed.trials[odd.KILLED_ONCE]
    assert (trial.state, trial.attempts) == (TrialState.FINISHED, 2)
    trained = epochs_trained(mixed.folder, trial.trial_id)
    assert trained.count(1) == 1, "it began anew"
    assert trained[:3] == [1, 2, 3]
    assert trained[-1] == 4
    assert [record.epoch for record in trial.epochs] == [1, 2, 3, 4]


@pytest.mark.ci
def test_a_worker_that_dies_every_time_is_given_up(mixed: Mixed) -> None:
    trial = mixed.trials[odd.KILLED_ALWAYS]
    assert (trial.state, trial.attempts) == (TrialState.FAILED, 2)
    assert trial.message == "its process was killed or crashed (2 attempts)"


@pytest.mark.ci
def test_out_of_memory_is_named_and_not_tried_again(mixed: Mixed) -> None:
    trial = mixed.trials[odd.OUT_OF_MEMORY]
    assert (trial.state, trial.attempts) == (TrialState.FAILED, 1)
    assert trial.message.startswith("oom")


@pytest.mark.ci
def test_halved_batches_are_written_down_and_said_once(mixed: Mixed) -> None:
    trial = mixed.trials[odd.HALVED]
    assert trial.state is TrialState.FINISHED
    assert trial.extra == {"halved_batches": True}
    assert [text for text in mixed.heard.messages if "in two halves" in text] == [
        f"trial {trial.trial_id}: its batches do not fit on the device, so each is processed in two halves"
    ]


@pytest.mark.ci
def test_a_trial_without_an_epoch_record_fails_alone(mixed: Mixed) -> None:
    trial = mixed.trials[odd.NO_RECORD]
    assert trial.state is TrialState.FAILED
    assert "instead of an epoch record" in trial.message


@pytest.mark.ci
def test_divergence_is_an_outcome_of_its_own(mixed: Mixed) -> None:
    trial = mixed.trials[odd.DIVERGES]
    assert trial.state is TrialState.DIVERGED
    assert [record.epoch for record in trial.epochs] == [1, 2]
    assert trial.last is not None
    assert trial.last.val_error != trial.last.val_error  # NaN is kept as it is


@pytest.mark.ci
def test_a_hung_trial_is_found_named_and_given_up(mixed: Mixed) -> None:
    trial = mixed.trials[odd.HANGS]
    assert trial.state is TrialState.FAILED
    assert trial.message.startswith("hung: no step for 2 s")


@pytest.mark.ci
def test_counts_tell_the_outcomes_apart(mixed: Mixed) -> None:
    counts = mixed.outcome.counts
    assert counts[TrialState.FINISHED] == 4
    assert counts[TrialState.FAILED] == 5
    assert counts[TrialState.DIVERGED] == 1
    assert not mixed.outcome.interrupted


@pytest.mark.ci
def test_every_end_is_told_once_and_retries_are_announced(mixed: Mixed) -> None:
    assert sorted(mixed.heard.ended) == sorted(trial.trial_id for trial in mixed.trials.values())
    assert any("attempt 2 of 2" in text for text in mixed.heard.messages)


@pytest.mark.ci
def test_checkpoints_of_ended_trials_are_removed(mixed: Mixed) -> None:
    assert not list((mixed.folder / "checkpoints").iterdir())


@pytest.mark.ci
def test_an_interrupted_study_is_finished_by_a_second_run_and_a_raised_target_runs_the_rest(
    run_study: RunStudy, tmp_path: Path
) -> None:
    """By the signal that Slurm sends, for which Tune has a handler of its own."""
    config = seeds_study(list(range(5)), epochs=6)
    interruption, begun = Interruption(), threading.Event()

    def interrupt(event: Event) -> None:
        if isinstance(event, TrialStarted) and not begun.is_set():
            begun.set()
            threading.Timer(1.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()

    with listening(interruption, lambda code: None):
        first = run_study(tmp_path, config, seconds=0.5, interruption=interruption, observer=interrupt)
    assert (first.interrupted, interruption.signal) == ("ended by SIGUSR1", signal.SIGUSR1)
    assert first.counts[TrialState.PENDING] > 0
    assert first.counts[TrialState.RUNNING] == 0
    second = run_study(tmp_path, config)
    assert second.counts[TrialState.FINISHED] == 5
    third = run_study(tmp_path, seeds_study(list(range(6)), epochs=6))
    assert third.counts[TrialState.FINISHED] == 6
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        for trial in ledger.trials():
            assert epochs_trained(tmp_path, trial.trial_id) == list(range(1, 7)), "an epoch was trained twice"


def test_under_a_time_limit_no_trial_begins_that_cannot_end(run_study: RunStudy, tmp_path: Path) -> None:
    """An epoch of these says that it took 1.1 s: once that is known, a third trial has no time."""
    interruption = Interruption()
    limit = TimeLimit(CLOSING + REPORT + 5.0)
    outcome = run_study(tmp_path, seeds_study([1, 2, 3, 4, 5]), seconds=0.05, limit=limit, interruption=interruption)
    assert outcome.interrupted == "no trial that is left can end in time"
    assert interruption.wound_up
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        trials = ledger.trials()
        assert ledger.get_meta("exhausted") is False
    assert outcome.ended == limit.ended >= 2
    assert outcome.ended < 5
    assert {bool(t.epochs) for t in trials if not t.state.terminal} <= {False}


@pytest.fixture(scope="module")
def one_by_one(run_study: RunStudy, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """The folder of three trials of which 2 CPUs hold four and 4 GPUs one; the seconds that were said to be left."""
    folder, said = tmp_path_factory.mktemp("one-by-one"), list[float]()

    def hear(event: Event) -> None:
        if isinstance(event, Expected):
            said.append(event.seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "LOOK_EVERY", 0.0)
        config = seeds_study([1, 2, 3], epochs=2)
        run_study(folder, config, seconds=0.3, request=Request(0.5, 4.0), observer=hear)
    return folder, said


def test_the_time_that_is_left_is_said(one_by_one: tuple[Path, list[float]]) -> None:
    """An epoch of these says that it took 1.1 s."""
    _, said = one_by_one
    assert said[0] > said[-1]
    assert said[-1] < 2 * 1.1 + 5


def test_logical_gpus_bound_what_runs_at_once(one_by_one: tuple[Path, list[float]]) -> None:
    folder, _ = one_by_one
    with Ledger.open(folder / "ledger.db") as ledger:
        spans = sorted((trial.started_at, trial.ended_at) for trial in ledger.trials())
    assert len(spans) == 3
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))


@pytest.mark.slow
def test_quarters_of_four_gpus_never_hold_more_than_sixteen(run_study: RunStudy, tmp_path: Path) -> None:
    config = seeds_study(list(range(40)), epochs=2)
    run_study(tmp_path, config, seconds=2.0, request=Request(0.1, 0.25))
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        trials = ledger.trials()
    changes = sorted([(t.started_at, 1) for t in trials] + [(t.ended_at, -1) for t in trials])
    at_once = list(accumulate(change for _, change in changes))
    assert 8 < max(at_once) <= 16
