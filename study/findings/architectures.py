"""ResNet, DenseNet and plain nets at equal tuning budgets: error, stability, speed, size."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from fitscape.study.findings.context import (
    Context,
    Labels,
    Question,
    by_configuration,
    drawn_alike,
    stalled,
    unit_means,
    val_error,
)
from fitscape.study.findings.cost import cost_findings
from fitscape.study.findings.duels import LEAST_TRIALS, Duel, arms, duels
from fitscape.study.findings.evidence import (
    RESAMPLES,
    WORTH_SHARE,
    difference_evidence,
    discordant_evidence,
    earlier_evidence,
    mean_evidence,
    resampled_evidence,
    shares_evidence,
)
from fitscape.study.findings.finding import Counted, Evidence, Finding, judge
from fitscape.study.findings.tuning import TuningCurve, expected_best, resampled_best, tuning_curve
from fitscape.study.measures.wording import percent
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.rule import Array

MARGIN: Final = 0.005  # half a point of validation error
NAME: Final = "architectures"


def tuning_curves(trials: Sequence[TrialRecord], context: Context) -> dict[str, TuningCurve]:
    """Expected best error against budget, by architecture, of the trials that a sampler drew alike.

    A diverged trial counts as guessing.
    """
    drawn = {name: drawn_alike(group) for name, group in arms(trials).items()}
    return {
        name: tuning_curve(*_of_configurations(group, context.chance_error), seed=context.seed)
        for name, group in drawn.items()
        if len(by_configuration(group)) >= LEAST_TRIALS
    }


def architectures(trials: Sequence[TrialRecord], labels: Labels, context: Context) -> list[Finding]:
    """Every two architectures: lower error at equal budgets, stability, speed, and error at equal size."""
    found: list[Finding] = []
    for duel in duels(trials):
        found.append(_lower_error(duel, context))
        found.append(_more_stable(duel, labels))
        found += [_faster(duel, unit, context) for unit in ("epochs", "seconds")]
        found += cost_findings(duel, labels, context)
    return found


def _halves(trials: Sequence[TrialRecord], chance: float) -> tuple[Array, Array]:
    """Validation errors on half A and on half B, [N] each."""
    ends = [None if val_error(t, np.inf) == np.inf else t.last for t in trials]
    a, b = np.array([(chance, chance) if e is None else (e.val_error_a, e.val_error_b) for e in ends]).T
    return a, b


def _of_configurations(trials: Sequence[TrialRecord], chance: float) -> tuple[Array, Array]:
    """The same, a configuration counting once with the mean of its seeds."""
    halves = [np.mean(_halves(seeds, chance), axis=1) for seeds in by_configuration(trials)]
    a, b = np.array(halves).T
    return a, b


def _lower_error(duel: Duel, context: Context) -> Finding:
    evidence, where, how = _of_seeds(duel, context) or _of_pairs(duel, context) or _of_budget(duel, context)
    return judge(
        evidence,
        claim=f"Architectures: {duel.better} reaches a lower validation error than {duel.worse} {where}",
        question=NAME,
        family=duel.family,
        unit=f"validation error, {duel.worse} - {duel.better}",
        explanation=how,
        source="He et al. 2015, tables 2 and 6; Huang et al. 2017, table 2",
        effect=f"a lower validation error of {duel.better} {where}",
    )


_Compared = tuple[Evidence, str, str]  # the evidence, under what it was compared, and what was measured


def _of_seeds(duel: Duel, context: Context) -> _Compared | None:
    """Of chosen configurations: paired by seed, each architecture at its best one under that seed (chosen on A,
    judged on B)."""
    if duel.drawn:
        return None
    seeds: dict[int, list[tuple[TrialRecord, TrialRecord]]] = {}
    for pair in duel.pairs:
        seeds.setdefault(pair[0].config.seed, []).append(pair)
    full = [pairs for pairs in seeds.values() if len(pairs) == max(map(len, seeds.values()))]
    if len(full) < LEAST_TRIALS:
        return None
    best = np.empty((len(full), 2))
    for row, pairs in enumerate(full):
        for side in (0, 1):
            a, b = _halves([pair[side] for pair in pairs], context.chance_error)
            best[row, side] = b[np.argmin(a)]
    means = best.mean(axis=0)
    how = f"Over {len(full)} shared seeds, each at the best of the same {len(full[0])} configurations, {duel.better} "
    how += f"ends at {percent(means[0])} validation error and {duel.worse} at {percent(means[1])}."
    evidence = mean_evidence(best[:, 1] - best[:, 0], margin=MARGIN, resolution=1e-3, test="paired t over seeds")
    return evidence, f"at the best of the {len(full[0])} configurations that both were given", how


def _of_pairs(duel: Duel, context: Context) -> _Compared | None:
    if not duel.pairs:
        return None
    errors = np.array([[val_error(t, context.chance_error) for t in pair] for pair in duel.pairs])
    means = errors.mean(axis=0)
    differences, counted = unit_means(errors[:, 1] - errors[:, 0], duel.sides[0])
    how = (
        f"Over {len(errors)} pairs of runs alike in all else ({len(differences)} {counted.value}), {duel.better} ends "
    )
    how += f"at {percent(means[0])} validation error and {duel.worse} at {percent(means[1])}, on average."
    test = f"paired t over {counted.value}"
    evidence = mean_evidence(differences, margin=MARGIN, resolution=1e-3, test=test, counted=counted)
    return evidence, "at the same configurations, on average", how


def _of_budget(duel: Duel, context: Context) -> _Compared:
    """Difference of the expected best errors, over resampled configurations.

    At half the smaller number of them: a bootstrap of the very best of all of them does not cover.
    """
    halves = [_of_configurations(group, context.chance_error) for group in duel.sides]
    budget = max(1, min(len(a) for a, _ in halves) // 2)
    at = np.array([float(budget)])
    best = [float(expected_best(*half, at)[0]) for half in halves]
    drawn = [
        resampled_best(*half, at, resamples=RESAMPLES, seed=context.seed + side)[:, 0]
        for side, half in enumerate(halves)
    ]
    how = f"The best of {budget} random configurations (chosen on one half of validation, judged on the other) is "
    how += f"expected at {percent(best[0])} for {duel.better} and {percent(best[1])} for {duel.worse}."
    evidence = resampled_evidence(
        best[1] - best[0],
        drawn[1] - drawn[0],
        n=sum(len(a) for a, _ in halves),
        test="bootstrap of the expected best error",
        margin=MARGIN,
        counted=Counted.CONFIGURATIONS,
    )
    return evidence, "at the same tuning budget", how


def _more_stable(duel: Duel, labels: Labels) -> Finding:
    stable = [[not stalled(t, labels) for t in side] for side in duel.sides]
    kept, of = [sum(s) for s in stable], [len(s) for s in stable]
    return judge(
        _stability(duel, stable),
        claim=f"Architectures: {duel.better} trains more stably than {duel.worse}",
        question=NAME,
        family=duel.family,
        unit=f"share of stable runs, {duel.better} - {duel.worse}",
        explanation=f"{kept[0]} of {of[0]} runs of {duel.better} and {kept[1]} of {of[1]} of {duel.worse} neither "
        "diverged nor stayed near chance on their own training images.",
        source="He et al. 2015, section 4.1",
        effect=f"a larger share of stable runs of {duel.better}",
    )


def _stability(duel: Duel, stable: list[list[bool]]) -> Evidence:
    if duel.pairs and not duel.replicated:
        return discordant_evidence(*stable)
    if duel.pairs:
        differences, counted = unit_means(np.subtract(*np.array(stable, dtype=float)), duel.sides[0])
        return mean_evidence(differences, worth=WORTH_SHARE, resolution=0.05, counted=counted)
    (a, counted), (b, _) = (unit_means(s, side) for s, side in zip(stable, duel.sides, strict=True))
    if not duel.replicated:
        return shares_evidence((int(a.sum()), int(b.sum())), (len(a), len(b)), counted)
    return difference_evidence(a, b, worth=WORTH_SHARE, counted=counted)


def _faster(duel: Duel, unit: str, context: Context) -> Finding:
    """Time to an error that the worse of the two median runs also reaches."""
    target = max(float(np.median([val_error(t, context.chance_error) for t in side])) for side in duel.sides)
    times = [np.array([time_to(t, target, unit) for t in side]) for side in duel.sides]
    arrived = [percent(float(np.isfinite(x).mean())) for x in times]
    median = [f"median {np.median(x):.3g} {unit}" if np.isfinite(np.median(x)) else "half or more never" for x in times]
    return judge(
        _speed(duel, times),
        claim=f"Architectures: {duel.better} trains faster than {duel.worse}, in {unit} to a given error",
        question=NAME,
        family=duel.family,
        unit=f"share of pairs in which {duel.better} is the earlier, less that in which it is the later",
        explanation=f"{percent(target)} validation error, the higher of the two medians, is reached "
        f"by {arrived[0]} of the runs of {duel.better} ({median[0]}) and {arrived[1]} of {duel.worse} ({median[1]}).",
        source="He et al. 2015, section 4.1",
        effect=f"an earlier arrival of {duel.better}, in {unit}",
    )


def _speed(duel: Duel, times: list[Array]) -> Evidence:
    if duel.pairs and not duel.replicated:
        return discordant_evidence(list(times[0] < times[1]), list(times[1] < times[0]))
    if duel.pairs:
        earlier, counted = unit_means((times[0] < times[1]) - (times[1] < times[0]).astype(float), duel.sides[0])
        return mean_evidence(earlier, worth=2 * WORTH_SHARE, resolution=0.05, counted=counted)
    a, b = (_medians(x, side) for x, side in zip(times, duel.sides, strict=True))
    return earlier_evidence(a, b, counted=Counted.CONFIGURATIONS)


def _medians(times: Array, trials: Sequence[TrialRecord]) -> list[float]:
    """Median time over the seeds of each configuration."""
    groups: dict[str, list[float]] = {}
    for time, trial in zip(times, trials, strict=True):
        groups.setdefault(trial.config.group_id, []).append(float(time))
    return [float(np.median(group)) for group in groups.values()]


def time_to(trial: TrialRecord, error: float, unit: str) -> float:
    """Epochs, or seconds of training, until validation error is first at most ``error``; infinite if never."""
    spent = 0.0
    for epoch in trial.epochs:
        spent = epoch.epoch if unit == "epochs" else spent + epoch.train_seconds
        if epoch.val_error <= error:
            return float(spent)
    return float("inf")


QUESTION = Question(
    name=NAME,
    title="Which architecture is better at the same effort?",
    asked="Architectures are compared at the same configurations and seeds where the design has them, else as samples "
    "of the same space; each finding says which. The picture shows the error to expect from the best of so many "
    "configurations, chosen on one half of validation and judged on the other.",
    answer=architectures,
    needs="residual, plain or dense nets that are known as such",
    takes="two of ResNets, DenseNets and plain nets, with five configurations that both were given, or five of each "
    "that were drawn without looking at results",
    main=("reaches a lower validation error", "has a lower error than"),
)
