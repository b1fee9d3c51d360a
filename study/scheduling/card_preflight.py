"""The cards of a cluster, each tried before a trial waits for it."""

import os
from collections import defaultdict
from collections.abc import Callable

from fitscape.study.config import ResourceConfig
from fitscape.study.scheduling.answers import ANSWER_WITHIN, answers
from fitscape.study.scheduling.cards import ENDS_WITHIN, LOGICAL, CardState, check_declared, from_json, other_maker
from fitscape.study.scheduling.checks import PreflightCheck
from fitscape.study.scheduling.cluster import Cluster, errand
from fitscape.study.scheduling.packing import Node

NO_BF16 = "it has no bf16 units, and would emulate them at a hundredth of the speed"
USE_FP32 = "set resources.precision=fp32 in a new study to use it"
TURNS = (  # benchmarks/results/gpu-nvidia-h200-2026-11-26.json
    "trials that share a card take turns on it, and 16 small ones are no faster than one; "
    "with MPS they were 3.1 times as fast on an H200 (docs/cluster.md)"
)
NO_CARD = ": there is no NVIDIA card"
ON_CPU = "set resources.gpus_per_trial=0 to train on the CPU"


def look_at_cards(
    cluster: Cluster, resources: ResourceConfig, say: Callable[[str], None] = lambda text: None
) -> list[PreflightCheck]:
    """Run a kernel on every card that trials may get; set those aside that cannot.

    A GPU that Ray declares and torch cannot use is an error where no other is left: a trial never falls back to the
    CPU by itself.
    """
    nodes = [node for node in cluster.usable() if node.gpus]
    if resources.gpus_per_trial == 0:
        device = PreflightCheck("trials train on the CPU" + ("" if nodes else NO_CARD), True)
        return [device, *_other_makers(), *_idle(nodes, resources)]
    states = _ask(cluster, [node for node in cluster.usable() if node.gpus or node.cpus], say)
    kept_back = _kept_back(cluster, states)
    if not nodes:
        device = PreflightCheck("trials train on the CPU" + (": Ray hands out no card" if kept_back else NO_CARD), True)
        return [device, *_other_makers(), *kept_back]
    findings, sound = kept_back, defaultdict(list)
    for node in nodes:
        answer = states.get(node.id)
        if answer is None:
            cluster.aside.nodes[node.id] = what = "the check of its cards does not answer"
            fix = "look at that machine with nvidia-smi and `ray status`"
            findings.append(PreflightCheck(f"{node.host} is left out: {what}", False, fix, fatal=False))
            continue
        for state in (state for state in answer if not state.idle):
            if state.fault:
                findings.append(_left_out(cluster, node, state, state.fault, state.fix))
            elif resources.precision == "bf16" and not state.bf16:
                findings.append(_left_out(cluster, node, state, NO_BF16, USE_FP32))
            else:
                cluster.sound.setdefault(node.id, []).append(state)
                sound[state.text].append(node.host)
                if state.fix:
                    findings.append(PreflightCheck(f"{node.host}: {state.text}: {state.fix}", True))
    cluster.cards = [f"{len(hosts)} x {text}" for text, hosts in sound.items()]
    used = [PreflightCheck(f"{len(hosts)} x {text} on {_hosts(hosts)}", True) for text, hosts in sound.items()]
    findings = [*used, *findings, *_multi_process_service(cluster, nodes, resources)]
    if not sound:
        text = f"Ray declares {sum(node.gpus for node in nodes):g} GPU, and torch can use none"
        return [*findings, PreflightCheck(text, False, f"fix the fault that is named for each, or {ON_CPU}")]
    return [*findings, *_idle([node for node in cluster.usable() if node.gpus], resources)]


def leave_out_without_bf16(cluster: Cluster) -> list[PreflightCheck]:
    """Once bf16 was chosen: the cards that have no units for it, each set aside."""
    findings = [
        _left_out(cluster, node, state, NO_BF16, USE_FP32)
        for node in cluster.usable()
        for state in cluster.sound.get(node.id, ())
        if not state.bf16
    ]
    if findings and not any(node.gpus for node in cluster.usable()):
        findings.append(PreflightCheck("no card has bf16 units, which the study's precision needs", False, USE_FP32))
    return findings


def _left_out(cluster: Cluster, node: Node, state: CardState, why: str, fix: str) -> PreflightCheck:
    cluster.aside.cards.setdefault(node.id, {})[state.card.uuid] = why
    return PreflightCheck(f"{node.host}: {state.text} is left out: {why}", False, fix, fatal=False)


def _multi_process_service(cluster: Cluster, nodes: list[Node], resources: ResourceConfig) -> list[PreflightCheck]:
    """Whether trials that share a card run side by side on it; nothing where they have cards to themselves."""
    real = [node for node in nodes if any(state.capability for state in cluster.sound.get(node.id, ()))]
    if not real or resources.gpus_per_trial == 1:
        return []
    lacking = [node.host for node in real if not all(state.mps for state in cluster.sound[node.id])]
    if not lacking:
        return [PreflightCheck("NVIDIA MPS runs: trials that share a card run side by side", True)]
    return [PreflightCheck(f"NVIDIA MPS does not run on {_hosts(lacking)}: {TURNS}", True)]


def _ask(cluster: Cluster, nodes: list[Node], say: Callable[[str], None]) -> dict[str, list[CardState]]:
    """Id of the node -> the state of each of its cards; nodes that do not answer in time are missing."""
    logical = bool(os.environ.get(LOGICAL))
    if cluster.local:
        return {node.id: from_json(check_declared(int(node.gpus), logical)) for node in nodes}
    asked = {errand(check_declared, node.id).remote(int(node.gpus), logical): node.id for node in nodes}
    told = answers(asked, say, within=ENDS_WITHIN + ANSWER_WITHIN)
    return {node_id: from_json(states) for node_id, states in told.items()}


def _kept_back(cluster: Cluster, states: dict[str, list[CardState]]) -> list[PreflightCheck]:
    """Cards that Ray was not given: it counts whole cards by itself, and none of the slices of one (MIG)."""
    findings = []
    for node in cluster.usable():
        there = states.get(node.id, [])
        if idle := sum(state.idle for state in there):
            what = (
                f"{node.host}: {idle} of {len(there)} cards stay idle: Ray was started to hand out {len(there) - idle}"
            )
            uuids = ",".join(state.card.uuid for state in there)
            fix = f"start Ray there with CUDA_VISIBLE_DEVICES={uuids} and --num-gpus={len(there)}"
            findings.append(PreflightCheck(what, False, fix, fatal=False))
    return findings


def _idle(nodes: list[Node], resources: ResourceConfig) -> list[PreflightCheck]:
    """Cards that no trial would ever use, with what to change."""
    cards = int(sum(node.gpus for node in nodes))
    if not cards:
        return []
    if resources.gpus_per_trial == 0:
        what = f"{cards} card(s) stay idle: trials ask for no GPU"
        return [PreflightCheck(what, False, "set resources.gpus_per_trial=auto", fatal=False)]
    findings = []
    for node in nodes:
        trials = int(node.cpus / resources.cpus_per_trial + 1e-6)
        if trials < node.gpus:
            what = f"{node.host}: {node.gpus - trials:g} of {node.gpus:g} cards stay idle: its {node.cpus:g} CPU hold"
            what += f" {trials} trial(s) of {resources.cpus_per_trial:g} CPU"
            fix = f"set resources.cpus_per_trial={max(0.1, int(10 * node.cpus / node.gpus) / 10):g}"
            findings.append(PreflightCheck(what, False, fix, fatal=False))
    most = resources.max_concurrent
    if most is not None and most < cards:
        what = f"{cards - most} of {cards} cards stay idle: resources.max_concurrent is {most}"
        findings.append(PreflightCheck(what, False, f"set it to {cards} or more", fatal=False))
    return findings


def _other_makers() -> list[PreflightCheck]:
    """A GPU of this machine that is not NVIDIA's is not used, which is said."""
    maker = other_maker()
    return [PreflightCheck(f"{maker} not supported", True)] if maker else []


def _hosts(hosts: list[str]) -> str:
    different = dict.fromkeys(hosts)
    return ", ".join(list(different)[:4]) + (f" and {len(different) - 4} more" if len(different) > 4 else "")
