"""Rows 2 and 20: why a trial's process was lost, in words, and that a preemption counts as an attempt."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayActorError
from ray.tune.experiment import Trial

from fitscape.study.records import TrialState
from fitscape.study.scheduling import run_trials
from fitscape.study.scheduling.reports import End
from fitscape.study.scheduling.tuning import Reports

# Ray's own texts, shortened. The first line of a crash speaks of OOM in any case.
CRASH = "The actor died unexpectedly before finishing this task.\n worker process has died, OOM killer? SIGKILL"
OUT_OF_MEMORY = "Task was killed due to the node running low on memory.\nMemory on the node was 0.96\n" + CRASH
NODE = "The actor died because its node has died. Node Id: ab\n\tthe actor's node was terminated unexpectedly"
PREEMPTED = "The actor died because its node was preempted"


class Kept:
    """In the bookkeeper's place."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.ends: list[End] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def ended(self, trial_id: str, end: End) -> None:
        self.ends.append(end)


def lost(tmp_path: Path, *errors: str) -> Any:
    """What Tune says of a trial whose process was lost so often."""
    file = tmp_path / "error.txt"
    file.write_text("".join(f"\nFailure # {i} (occurred at noon)\n{text}\n" for i, text in enumerate(errors, 1)))
    return SimpleNamespace(config={"id": "t"}, num_failures=len(errors), error_file=str(file))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (CRASH, "its process was killed or crashed"),
        (OUT_OF_MEMORY, "oom: its process was ended because its node ran out of memory"),
        (NODE, "its node died"),
        (PREEMPTED, "its node was preempted"),
    ],
)
def test_the_cause_of_the_latest_loss_is_named(tmp_path: Path, error: str, cause: str) -> None:
    kept = Kept()
    reports = Reports(kept, attempts=3, timeout=None, look=lambda running: None)  # type: ignore[arg-type]
    reports.on_trial_recover(0, [], lost(tmp_path, NODE, error))
    assert kept.messages == [f"trial t: {cause}; attempt 3 of 3"]
    reports.on_trial_error(0, [], lost(tmp_path, NODE, NODE, error))
    assert [(end.state, end.message) for end in kept.ends] == [(TrialState.FAILED, f"{cause} (3 attempts)")]


def test_preemptions_count_so_that_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tune does not count them by default: a trial too large for its spot node would be tried for ever."""
    for name, value in run_trials._TUNE.items():
        monkeypatch.setitem(os.environ, name, value)
    trial = Trial.__new__(Trial)
    trial.run_metadata = SimpleNamespace(num_failures=0)  # type: ignore[assignment]
    trial.temporary_state = SimpleNamespace(num_restore_failures=0)  # type: ignore[assignment]
    trial._handle_ray_actor_error(RayActorError(None, PREEMPTED, preempted=True))
    assert trial.run_metadata.num_failures == 1


@pytest.mark.parametrize(
    ("error", "cause"), [(OUT_OF_MEMORY, "oom: its process"), (NODE, "its node died"), (CRASH, "hung: no step for 2 s")]
)
def test_what_ray_knows_of_a_long_silent_trial_comes_before_the_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str, cause: str
) -> None:
    """An epoch may be longer than the limit, and its process be lost for another reason."""
    kept = Kept()
    reports = Reports(kept, attempts=3, timeout=2.0, look=lambda running: None)  # type: ignore[arg-type]
    monkeypatch.setattr(reports._watchdog, "silence", lambda trial_id: 60.0)
    reports.on_trial_error(0, [], lost(tmp_path, error))
    assert kept.ends[0].message.startswith(cause)
