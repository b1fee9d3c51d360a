"""A card that dies under its trials: they go on elsewhere, it gets no more, and none of them has lost an attempt."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from odd_trials import Card, Heard, seeds_study

from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.scheduling import card_faults, hold
from fitscape.study.scheduling.card_faults import CardFaults, Fault
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.packing import Node, Request, SetAside
from fitscape.study.scheduling.run_trials import Outcome

RunStudy = Callable[..., Outcome]


@pytest.fixture
def nothing_set_aside(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A search for a card that would end in vain lasts as long as the test may."""
    monkeypatch.setattr(hold, "SEEKING_FOR", 600.0)
    yield
    cluster.aside = SetAside()


def run_on(card: Card, run_study: RunStudy, folder: Path, **given: Any) -> tuple[list[TrialRecord], list[str]]:
    """Four trials, two at once, a card each; a trial may lose no attempt."""
    heard = Heard()
    config = seeds_study(list(range(4)), epochs=4, max_attempts=1)
    run_study(
        folder,
        config,
        run=card.run,
        card_fault=card.fault,
        check_card=lambda uuid: card.check(uuid),
        request=Request(1, 1.0),
        observer=heard,
        **given,
    )
    with Ledger.open(folder / "ledger.db") as ledger:
        return ledger.trials(), heard.messages


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_set_aside")
def test_a_card_that_dies_costs_no_trial_an_attempt(cluster: Cluster, run_study: RunStudy, tmp_path: Path) -> None:
    trials, said = run_on(Card(tmp_path, "logical-1"), run_study, tmp_path)
    assert [trial.state for trial in trials] == [TrialState.FINISHED] * 4
    assert sum("is set aside: runs no kernel" in text for text in said) == 1
    assert any("it goes on elsewhere" in text for text in said)
    assert cluster.slots(Request(0.5, 1.0)) == 3
    began = (tmp_path / "on-it").read_text().split()
    assert len(set(began)) == 1, "no trial after the first has begun on it"


@pytest.mark.ci
@pytest.mark.usefixtures("nothing_set_aside")
def test_a_worker_refuses_a_card_that_was_broken_before(cluster: Cluster, run_study: RunStudy, tmp_path: Path) -> None:
    """As on a node that joined after the preflight."""
    trials, said = run_on(Card(tmp_path, "logical-0", at_start=True), run_study, tmp_path)
    assert [trial.state for trial in trials] == [TrialState.FINISHED] * 4
    assert [trial.attempts for trial in trials] == [1] * 4, "what was refused has not begun"
    assert "card logical-0 is set aside: unspecified launch failure" in said
    assert not (tmp_path / "on-it").exists()


class Answers:
    """Nodes whose looks at a card are answered at once, by a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.problem = ""
        monkeypatch.setattr(card_faults, "errand", lambda *_: self)
        monkeypatch.setattr(card_faults.ray, "wait", lambda references, timeout: (references, []))
        monkeypatch.setattr(card_faults.ray, "get", lambda _: self.problem)

    def remote(self, uuid: str) -> object:
        self.asked.append(uuid)
        return object()


class NoHolds:
    seeking = False

    def __init__(self) -> None:
        self.wanted: list[tuple[str, list[str]]] = []
        self.in_vain: list[str] = []

    def want(self, node_id: str, uuids: Any) -> None:
        self.wanted.append((node_id, sorted(uuids)))

    def drop(self, node_id: str) -> None:
        self.wanted = [entry for entry in self.wanted if entry[0] != node_id]

    def look(self) -> list[str]:
        return self.in_vain

    def close(self) -> None:
        pass


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(card_faults, "Holds", NoHolds)

    class Watched:
        def __init__(self) -> None:
            self.cluster: Any = type("C", (), {"aside": SetAside()})()
            self.decided: list[tuple[str, bool]] = []
            self.said: list[str] = []
            self.answers = Answers(monkeypatch)
            self.watch = CardFaults(
                self.cluster, decided=lambda *it: self.decided.append(it), say=self.said.append, check=None
            )

        def fail(self, *trials: str, uuid: str = "GPU-1", problem: str = "", refused: bool = False) -> None:
            for trial in trials:
                self.watch.failed(trial, Fault(uuid, "node", refused, "launch failure"))
            self.answers.problem = problem
            self.watch.look()

    return Watched()


def test_under_mps_the_fault_of_all_clients_is_one(faults: Any) -> None:
    faults.fail("a", "b", "c", "d", problem="runs no kernel")
    assert faults.answers.asked == ["GPU-1"]
    assert faults.decided == [(trial, True) for trial in "abcd"]
    assert sum("set aside" in text for text in faults.said) == 1


def test_a_card_that_works_again_is_kept(faults: Any) -> None:
    faults.fail("a")
    assert faults.decided == [("a", False)]
    assert not faults.cluster.aside.cards


def test_a_trial_that_fails_every_time_is_not_the_card_s_fault(faults: Any) -> None:
    for others in ("bc", "de", "fg", "hi"):
        faults.fail("a", *others)
    assert not faults.cluster.aside.cards


def test_a_card_that_fails_under_one_trial_after_another_is_set_aside(faults: Any) -> None:
    for trial in "abc":
        faults.fail(trial)
    assert faults.decided == [("a", False), ("b", False), ("c", True)]
    assert faults.cluster.aside.cards["node"]["GPU-1"].startswith("failed 3 times under different trials")


def test_a_node_is_set_aside_where_its_card_cannot_be(faults: Any) -> None:
    for _ in range(card_faults.REFUSALS):
        faults.fail("a", uuid="unknown", refused=True)
    why = "trials kept being placed on its card unknown: launch failure"
    assert faults.cluster.aside.nodes == {"node": why}
    assert sum("set aside" in text for text in faults.said) == 2, "the card once, the node once"
    assert faults.cluster.aside.covers(Node("node", "host", 4, 1))
    assert all(broken for _, broken in faults.decided)


def test_a_card_is_sought_again_where_a_trial_was_placed_on_it_all_the_same(faults: Any) -> None:
    faults.fail("a", refused=True)
    faults.fail("b", refused=True)
    assert faults.watch._holds.wanted == [("node", ["GPU-1"])] * 2
    assert sum("set aside" in text for text in faults.said) == 1


def test_a_trial_that_refuses_a_card_while_it_is_looked_at_sets_it_aside_once(faults: Any) -> None:
    faults.watch.failed("a", Fault("GPU-1", "node", False, "launch failure"))
    faults.fail("b", refused=True, problem="runs no kernel")
    assert faults.decided == [("b", True), ("a", True)]
    assert sum("set aside" in text for text in faults.said) == 1


def test_a_node_whose_broken_card_cannot_be_held_is_set_aside(faults: Any) -> None:
    faults.watch._holds.in_vain = ["node"]
    faults.watch.look()
    assert list(faults.cluster.aside.nodes) == ["node"]


def test_a_fault_is_read_from_what_ray_says_of_a_lost_worker() -> None:
    text = "ray::TrialRunner.train() (pid=1)\nfitscape.study.scheduling.card_faults.CardFault: GPU-9 on abc begun: boom"
    assert Fault.read(text) == Fault("GPU-9", "abc", False, "boom")
    assert Fault.read("CardFault: GPU-9 on abc refused: too old") == Fault("GPU-9", "abc", True, "too old")
    assert Fault.read("The actor died because its node has died.") is None
