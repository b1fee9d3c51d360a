"""What becomes of a trial whose process was lost, by what Ray says of it and what its node answers."""

from typing import Any

import pytest
import ray

from fitscape.study.config import TrialConfig
from fitscape.study.records import TrialState
from fitscape.study.scheduling import attempts as module
from fitscape.study.scheduling.attempts import Attempts
from fitscape.study.scheduling.heartbeat import Address
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import SetAside
from fitscape.study.scheduling.reports import CRASHES, End, Start, WorkerReport
from fitscape.study.training import AttemptOutOfMemory

TRIAL = TrialConfig(seed=1)
ID = TRIAL.trial_id
UNAVAILABLE = "The actor cbc735 is unavailable: RpcError: recvmsg:Connection reset by peer rpc_code: 14."
DIED = "The actor died unexpectedly before finishing this task: The actor's worker process has died."


class Parts:
    """The feed, the bookkeeper and the cluster of a run, as far as attempts need them."""

    def __init__(self) -> None:
        self.handed: list[dict[str, Any]] = []
        self.held: dict[str, TrialConfig] = {}
        self.ends: list[End] = []
        self.said: list[str] = []
        self.aside, self.paused = SetAside(), False

    def again(self, config: TrialConfig, **told: Any) -> None:
        self.handed.append(told)

    def hold(self, config: TrialConfig) -> None:
        self.held[config.trial_id] = config

    def let_go(self, trial_id: str) -> TrialConfig | None:
        return self.held.pop(trial_id, None)

    def ended(self, trial_id: str, end: End) -> None:
        self.ends.append(end)

    def message(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def parts() -> Any:
    return Parts()


@pytest.fixture
def attempts(parts: Any) -> Attempts:
    made = Attempts(parts, parts, parts, attempts=2, interruption=Interruption())
    begin(made)
    return made


def begin(attempts: Attempts) -> None:
    start = Start(node="n", device="cpu", records=(), node_id="f" * 56, pulse=Address(0, 0), crash_log="/log")
    attempts.heard(ID, WorkerReport(start=start))


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the node answers: the signal of a crash, nothing, or an error where it is gone."""
    says: dict[str, Any] = {"answer": "", "ready": True}

    class Errand:
        def remote(self, path: Any) -> object:
            return object()

    def get(reference: object) -> str:
        if isinstance(says["answer"], Exception):
            raise says["answer"]
        return str(says["answer"])

    monkeypatch.setattr(module, "errand", lambda *_: Errand())
    monkeypatch.setattr(module.ray, "wait", lambda refs, timeout: (refs, []) if says["ready"] else ([], refs))
    monkeypatch.setattr(module.ray, "get", get)
    return says


GONE = ray.exceptions.RayError("the node has died")


@pytest.mark.parametrize("error", [UNAVAILABLE, DIED])
def test_a_lost_node_is_known_by_its_silence(
    attempts: Attempts, parts: Parts, node: dict[str, Any], error: str
) -> None:
    """Ray says the same of a killed process and of a node that is just gone. Three of those ended a trial."""
    node["answer"] = GONE
    for _ in range(20):
        begin(attempts)
        attempts.heard(ID, WorkerReport(saved=1))
        attempts.lost(TRIAL, error, "")
        attempts.look()
    assert len(parts.handed) == 20
    assert parts.ends == []
    assert parts.said[-1] == f"trial {ID}: its node died; it goes on from its last checkpoint"


def test_a_node_that_answers_has_lost_a_process_only(attempts: Attempts, parts: Parts, node: dict[str, Any]) -> None:
    attempts.lost(TRIAL, DIED, "")
    assert (parts.handed, list(parts.held)) == ([], [ID]), "its node is asked first"
    attempts.look()
    assert parts.said == [f"trial {ID}: its process was killed or crashed; attempt 2 of 2"]
    begin(attempts)
    attempts.lost(TRIAL, DIED, "")
    attempts.look()
    assert [(end.state, end.message) for end in parts.ends] == [
        (TrialState.FAILED, "its process was killed or crashed (2 attempts)")
    ]


def test_a_node_that_does_not_answer_in_time_is_lost(
    attempts: Attempts, parts: Parts, node: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    node["ready"] = False
    attempts.lost(TRIAL, UNAVAILABLE, "")
    attempts.look()
    assert parts.said == []
    now[0] = module.ANSWER_WITHIN + 1
    attempts.look()
    assert "its node has not answered for 300 s" in parts.said[0], "it may live: nobody has seen it die"


def test_a_crash_is_named_and_told_to_the_next_process(attempts: Attempts, parts: Parts, node: dict[str, Any]) -> None:
    node["answer"] = "SIGSEGV"
    attempts.lost(TRIAL, DIED, "hung: no step for 2 s")
    attempts.look()
    assert "crashed in native code (SIGSEGV); attempt 2 of 2 starts again, in memory layout nchw" in parts.said[0]
    assert parts.handed == [{CRASHES: ["SIGSEGV"]}]


def test_a_hung_process_of_a_sound_node_counts(attempts: Attempts, parts: Parts, node: dict[str, Any]) -> None:
    attempts.lost(TRIAL, DIED, "hung: no step for 2 s")
    attempts.look()
    assert parts.said == [f"trial {ID}: hung: no step for 2 s; attempt 2 of 2"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("The actor died because its node has died. Node Id: f", "its node died; it goes on from its last checkpoint"),
        ("the actor was preempted", "its node was preempted; it goes on from its last checkpoint"),
        ("killed, low on memory", "oom: its process was ended because its node ran out of memory; attempt 2 of 2"),
        (
            f"ray::train()\nfitscape.study.training.memory.{AttemptOutOfMemory.__name__}: memory that the trial had",
            "the memory of the card that it had is gone; it goes on from its last checkpoint",
        ),
    ],
)
def test_what_ray_knows_for_sure_is_not_asked_again(
    attempts: Attempts, parts: Parts, node: dict[str, Any], error: str, said: str
) -> None:
    attempts.lost(TRIAL, error, "hung: no step for 2 s")
    assert parts.said == [f"trial {ID}: {said}"]
    assert len(parts.handed) == 1


def test_nothing_is_handed_out_again_once_the_run_ends(parts: Any, node: dict[str, Any]) -> None:
    interruption = Interruption()
    attempts = Attempts(parts, parts, parts, attempts=3, interruption=interruption)
    interruption.request("enough")
    attempts.lost(TRIAL, "its node has died", "")
    assert (parts.handed, parts.ends) == ([], []), "it is pending, for the next run"
