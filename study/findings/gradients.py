"""Vanishing gradients: initialization, normalization and shortcuts (Glorot 2010, He 2015, Ioffe and Szegedy 2015)."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from fitscape.study.findings.context import (
    Context,
    Labels,
    Question,
    ended,
    sampled,
    stalled,
    strata,
    twins,
    unit_means,
)
from fitscape.study.findings.evidence import discordant_evidence, mean_evidence
from fitscape.study.findings.finding import Evidence, Finding, judge
from fitscape.study.findings.frontier import Frontier, frontier_evidence, trainability_frontier
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.flags import VANISHING_RATIO
from fitscape.study.regimes.rule import Array

MARGIN: Final = 0.1  # decades of a gradient ratio
RESCUED: Final = 0.05  # of the nets, that a remedy must keep from stalling
LEAST_PAIRS: Final = 3
SMALLEST: Final = 1e-12  # a ratio below it cannot be distinguished from 0

# What is compared: better, worse, who is asked, in words, source.
Contrast = tuple[dict[str, Any], dict[str, Any], dict[str, Any], str, str]
CONTRASTS: Final[tuple[Contrast, ...]] = (
    (
        {"init": "he"},
        {"init": "glorot"},
        {"norm": "none", "family": "plain"},
        "He initialization instead of Glorot's in nets without normalization",
        "He et al. 2015 (rectifiers), section 2.2",
    ),
    (
        {"init": "glorot"},
        {"init": "gaussian"},
        {"norm": "none", "family": "plain"},
        "Glorot's normalized initialization instead of a fixed Gaussian in nets without normalization",
        "Glorot and Bengio 2010, section 4.2",
    ),
    (
        {"norm": "batch"},
        {"norm": "none"},
        {"family": "plain"},
        "batch normalization in plain nets",
        "Ioffe and Szegedy 2015, section 3.3",
    ),
    (
        {"norm": "group"},
        {"norm": "none"},
        {"family": "plain"},
        "group normalization in plain nets",
        "Wu and He 2018, section 3",
    ),
    (
        {"family": "resnet"},
        {"family": "plain"},
        {"norm": "none"},
        "adding shortcuts to nets without normalization",
        "He et al. 2016 (identity mappings), section 2; not He et al. 2015, whose section 4.1 calls it unlikely",
    ),
)


def gradients(trials: Sequence[TrialRecord], labels: Labels, context: Context) -> list[Finding]:
    """For each remedy, paired nets that differ in it alone: does it lift the first layer's gradient at the start,
    and the first-to-last ratio at the start and during training, and does it let nets train that stall without it?
    Then the frontiers.

    Both are asked, because the ratio is blind to a loss that is the same in every layer: without normalization and
    shortcuts a ReLU net is homogeneous in each layer's weights, so that at the start all layers have the same
    weight-gradient product, however small (Du et al. 2018, theorem 2.1).
    """
    told = ended(trials)
    found: list[Finding] = []
    for better, worse, where, remedy, source in CONTRASTS:
        asked = [t for t in told if all(t.config.flattened[name] == value for name, value in where.items())]
        pairs = twins(asked, better, worse, ignoring=("shortcut",))
        family = "resnet" if better.get("family") == "resnet" else "plain"
        text = {"question": "gradients", "family": family, "source": source}
        found += _reach(pairs, remedy, text)
        for when, ratio in (("at the start", ratio_at_start), ("during training", ratio_in_training)):
            found += _lift(pairs, ratio, remedy, when, text)
        found += _rescue(pairs, labels, remedy, text)
    return found + _frontiers(told, labels)


def first_at_start(trial: TrialRecord) -> float:
    """The first layer's gradient norm at initialization; NaN where it was not measured."""
    profiles = trial.epochs[0].gradients if trial.epochs else ()
    return profiles[0].gradient_norms[0] if profiles and profiles[0].step == 0 else float("nan")


def ratio_at_start(trial: TrialRecord) -> float:
    """First- over last-layer relative gradient norm at initialization; NaN where it was not measured."""
    profiles = trial.epochs[0].gradients if trial.epochs else ()
    return profiles[0].first_last_ratio if profiles and profiles[0].step == 0 else float("nan")


def ratio_in_training(trial: TrialRecord) -> float:
    """Median over epochs of the epochs' median ratios; NaN where none was measured."""
    ratios = [e.gradient_ratio for e in trial.epochs if e.gradient_ratio is not None and not np.isnan(e.gradient_ratio)]
    return float(np.median(ratios)) if ratios else float("nan")


def _lift(
    pairs: list[tuple[TrialRecord, TrialRecord]],
    ratio: Callable[[TrialRecord], float],
    remedy: str,
    when: str,
    text: dict[str, str],
) -> list[Finding]:
    measured = _decades(pairs, ratio)
    if measured is None:
        return []
    evidence, n, (with_it, without) = measured
    return [
        judge(
            evidence,
            claim=f"Gradients: {remedy} keeps the first layers' gradients larger relative to the last layer's {when}",
            unit="decades of first- over last-layer relative gradient norm",
            explanation=f"Over {n} pairs of nets that differ in nothing else{_left_out(pairs, n)}, the first layer's "
            f"relative gradient is {with_it:.2g} of the last layer's with it and {without:.2g} without (geometric "
            f"means {when}). Near 1 is healthy: below {VANISHING_RATIO:g} it counts as vanishing, above "
            f"{1 / VANISHING_RATIO:g} as exploding.{_too_large([ratio(a) for a, _ in pairs])}",
            effect=f"a larger gradient of the first layers against the last {when}",
            **text,
        )
    ]


def _too_large(ratios: Sequence[float]) -> str:
    """Larger is better only up to a limit; of the nets with the remedy."""
    exploding = sum(ratio > 1 / VANISHING_RATIO for ratio in ratios)
    verb = "explodes" if exploding == 1 else "explode"
    return f" Of {len(ratios)} nets with it {exploding} {verb}: there larger is too large." if exploding else ""


def _reach(pairs: list[tuple[TrialRecord, TrialRecord]], remedy: str, text: dict[str, str]) -> list[Finding]:
    measured = _decades(pairs, first_at_start)
    if measured is None:
        return []
    evidence, n, (with_it, without) = measured
    return [
        judge(
            evidence,
            claim=f"Gradients: {remedy} lets more gradient reach the first layer at the start, in absolute terms",
            unit="decades of the first layer's gradient norm",
            explanation=f"Over {n} pairs of nets that differ in nothing else{_left_out(pairs, n)}, the norm of the "
            f"first layer's gradient is {with_it:.2g} with it and {without:.2g} without (geometric means at "
            f"initialization; what is below {SMALLEST:g} counts as that).",
            effect="a larger gradient at the first layer at the start",
            **text,
        )
    ]


def _left_out(pairs: list[tuple[TrialRecord, TrialRecord]], n: int) -> str:
    """Of pairs in which a gradient was not measured, or was 0 or not finite."""
    return f" ({len(pairs) - n} of {len(pairs)} left out: a gradient is 0, not finite or not measured)" * (
        n < len(pairs)
    )


def _decades(
    pairs: list[tuple[TrialRecord, TrialRecord]], measure: Callable[[TrialRecord], float]
) -> tuple[Evidence, int, Array] | None:
    """How many decades a measure is larger in the first of each pair: the evidence, the pairs in which both nets
    have it, and the two geometric means. None where there are too few."""
    logs = np.array([[np.log10(np.clip(measure(t), SMALLEST, 1 / SMALLEST)) for t in pair] for pair in pairs])
    logs = logs.reshape(-1, 2)
    kept = np.isfinite(logs).all(axis=1)
    logs = logs[kept]
    first = [a for (a, _), usable in zip(pairs, kept, strict=True) if usable]
    lifts, counted = unit_means((logs[:, 0] - logs[:, 1]).tolist(), first)
    if len(lifts) < LEAST_PAIRS:
        return None
    test = f"paired t over {counted.value}"
    evidence = mean_evidence(lifts, margin=MARGIN, resolution=0.01, test=test, counted=counted)
    return evidence, len(logs), np.asarray(10 ** logs.mean(axis=0))


def _rescue(
    pairs: list[tuple[TrialRecord, TrialRecord]], labels: Labels, remedy: str, text: dict[str, str]
) -> list[Finding]:
    if len(pairs) < LEAST_PAIRS:
        return []
    with_it, without = ([stalled(pair[side], labels) for pair in pairs] for side in (0, 1))
    evidence = discordant_evidence(without, with_it, margin=RESCUED)
    if sampled(a for a, _ in pairs):
        rescues, counted = unit_means(np.subtract(without, with_it, dtype=float).tolist(), [a for a, _ in pairs])
        if len(rescues) < LEAST_PAIRS:
            return []
        evidence = mean_evidence(rescues, margin=RESCUED, resolution=0.05, counted=counted)
    return [
        judge(
            evidence,
            claim=f"Gradients: {remedy} lets nets train that stall otherwise",
            unit="share of nets that stall, without - with",
            explanation=f"Of {len(pairs)} pairs of nets, {sum(without)} stall without and {sum(with_it)} with it. "
            "A net stalls if its training error stays at nine tenths of the way to guessing or more, or it diverges.",
            effect="a smaller share of nets that stall",
            **text,
        )
    ]


def _frontiers(trials: list[TrialRecord], labels: Labels) -> list[Finding]:
    found: list[Finding] = []
    for arm in strata(trials, over=("depth", "lr", "seed")):
        stalls: dict[int, dict[int, bool]] = {}
        for trial in arm:  # at each depth and seed the best learning rate counts
            seeds = stalls.setdefault(trial.config.model.depth, {})
            seeds[trial.config.seed] = stalled(trial, labels) and seeds.get(trial.config.seed, True)
        if len(stalls) >= 3:
            by_depth = {depth: list(seeds.values()) for depth, seeds in stalls.items()}
            found.append(_frontier_finding(arm[0], trainability_frontier(by_depth), sorted(by_depth)))
    return found


def _frontier_finding(example: TrialRecord, found: Frontier, depths: list[int]) -> Finding:
    model = example.config.model
    norm = "without normalization" if model.norm == "none" else f"with {model.norm} normalization"
    arm = f"{model.family} nets {norm}, {model.init} initialization"
    where = f"between depth {found.low:g} and {found.high:g}"
    if found.low >= depths[-1]:
        where = f"beyond depth {depths[-1]}, the deepest run"
    elif not math.isfinite(found.high):
        where = f"beyond depth {found.low:g}" if found.low > 0 else "anywhere: these runs do not say"
    elif found.low <= 0:
        where = f"below depth {found.high:g}"
    return judge(
        frontier_evidence(found),
        claim=f"Gradients: {arm} stop training at some depth up to {depths[-1]}",
        question="gradients",
        family=model.family,
        unit=f"share of nets that stall at depth {depths[-1]}, above one half",
        explanation=f"{found.n} runs of {arm} at depths {', '.join(map(str, depths))}, each at the best learning "
        f"rate run: the depth from which half of them stall lies {where} (95 % interval by their likelihood, which is "
        "narrow for few runs; the verdict is that of the exact test).",
        source="He et al. 2015 (rectifiers), section 2.2, figure 3",
        effect=f"a depth up to {depths[-1]} from which more than half of the nets stall",
    )


QUESTION = Question(
    name="gradients",
    title="What keeps gradients alive?",
    asked="Nets that differ in one remedy only (initialization, normalization, shortcuts) are compared by how "
    "much gradient arrives at the first layer, and by whether they train at all. On the picture 1 less is a "
    "tenth of it; -12 stands for that and less.",
    answer=gradients,
    needs="gradient norms by layer, which only fitscape's own loop measures",
    takes="three pairs of nets that differ in one remedy alone",
    main=("lets nets train that stall", "lets more gradient reach"),
)
