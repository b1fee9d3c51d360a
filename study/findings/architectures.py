"""ResNet, DenseNet and plain nets at equal tuning budgets: error, size, speed and stability."""

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np

from study.findings.context import Context, Labels, config_key, ended, percent, stalled, val_error
from study.findings.cost import cost_findings
from study.findings.evidence import (
    RESAMPLES,
    earlier_evidence,
    mean_evidence,
    resampled_evidence,
    shares_evidence,
)
from study.findings.finding import Evidence, Finding, judge
from study.findings.tuning import TuningCurve, expected_best, resampled_best, tuning_curve
from study.records import TrialRecord
from study.regimes.skill import Array

LEAST_TRIALS: Final = 5
MARGIN: Final = 0.005  # half a point of validation error
QUESTION: Final = "architectures"
# Which net is claimed to do better than which: residual against its plain twin, dense against residual.
ORDER: Final = {"densenet": 2, "resnet": 1, "plain": 0}


def arms(trials: Sequence[TrialRecord]) -> dict[str, list[TrialRecord]]:
    """Trials that ran to their end by architecture (``resnet18``), those with enough of them."""
    found: dict[str, list[TrialRecord]] = {}
    for trial in ended(trials):
        found.setdefault(trial.config.model.name, []).append(trial)
    return {name: group for name, group in sorted(found.items()) if len(group) >= LEAST_TRIALS}


def tuning_curves(trials: Sequence[TrialRecord], context: Context) -> dict[str, TuningCurve]:
    """Expected best error against budget, by architecture; a diverged trial counts as guessing."""
    curves = {}
    for name, group in arms(trials).items():
        a, b = _halves(group, context.chance_error)
        curves[name] = tuning_curve(a, b, seed=context.seed)
    return curves


def architectures(trials: Sequence[TrialRecord], labels: Labels, context: Context) -> list[Finding]:
    """Every two architectures: lower error at equal budgets, stability, speed, and error at equal size.

    Trials that are alike in all but the architecture are compared in pairs; else as two samples.
    """
    by_name = arms(trials)
    found: list[Finding] = []
    for one, other in combinations(by_name, 2):
        if len({by_name[name][0].config.model.family for name in (one, other)}) == 1:
            continue  # depths of one family are the question of degradation
        better, worse = sorted((one, other), key=lambda n: -ORDER[by_name[n][0].config.model.family])
        a, b = by_name[better], by_name[worse]
        found.append(_lower_error(a, b, better, worse, context))
        found.append(_more_stable(a, b, better, worse, labels))
        found += _faster(a, b, better, worse, context)
        found += cost_findings(a, b, better, worse, labels, context)
    return found


def paired(a: Sequence[TrialRecord], b: Sequence[TrialRecord]) -> list[tuple[TrialRecord, TrialRecord]]:
    """Trials of two architectures that share every other dial."""
    dials = ("family", "depth", "shortcut", "growth_rate")
    other = {config_key(t, dials): t for t in b}
    return [(t, other[key]) for t in a if (key := config_key(t, dials)) in other]


def _halves(trials: Sequence[TrialRecord], chance: float) -> tuple[Array, Array]:
    rows = []
    for trial in trials:
        lost = val_error(trial, np.inf) == np.inf or trial.last is None
        rows.append(
            (chance, chance) if lost or trial.last is None else (trial.last.val_error_a, trial.last.val_error_b)
        )
    a, b = np.array(rows).T
    return a, b


def _lower_error(
    a: Sequence[TrialRecord], b: Sequence[TrialRecord], better: str, worse: str, context: Context
) -> Finding:
    pairs = paired(a, b)
    if len(pairs) >= LEAST_TRIALS:
        errors = np.array([[val_error(t, context.chance_error) for t in pair] for pair in pairs])
        evidence = mean_evidence(errors[:, 1] - errors[:, 0], margin=MARGIN, test="paired t over configurations")
        means = errors.mean(axis=0)
        how = f"Over {len(pairs)} pairs of runs alike in every other dial, {better} ends at {percent(means[0])} "
        how += f"validation error and {worse} at {percent(means[1])}, on average."
    else:
        evidence, how = _best_of_budget(a, b, better, worse, context)
    return judge(
        evidence,
        claim=f"Architectures: {better} reaches a lower validation error than {worse} at the same tuning budget",
        question=QUESTION,
        family=a[0].config.model.family,
        unit=f"validation error, {worse} - {better}",
        explanation=how,
        source="He et al. 2015, tables 2 and 6; Huang et al. 2017, table 2",
    )


def _best_of_budget(
    a: Sequence[TrialRecord], b: Sequence[TrialRecord], better: str, worse: str, context: Context
) -> tuple[Evidence, str]:
    """Difference of the expected best errors at the smaller of the two budgets, over resampled trials."""
    # Half the smaller budget: a bootstrap of the very best of all trials does not cover.
    budget = max(1, min(len(a), len(b)) // 2)
    halves = [_halves(group, context.chance_error) for group in (a, b)]
    at = np.array([float(budget)])
    best = [float(expected_best(*half, at)[0]) for half in halves]
    drawn = [
        resampled_best(*half, at, resamples=RESAMPLES, seed=context.seed + side)[:, 0]
        for side, half in enumerate(halves)
    ]
    draws = drawn[1] - drawn[0]
    how = f"The best of {budget} random configurations (chosen on one half of validation, judged on the other) is "
    how += f"expected at {percent(best[0])} for {better} and {percent(best[1])} for {worse}."
    test = "bootstrap of the expected best error"
    return resampled_evidence(best[1] - best[0], draws, n=len(a) + len(b), test=test, margin=MARGIN), how


def _more_stable(
    a: Sequence[TrialRecord], b: Sequence[TrialRecord], better: str, worse: str, labels: Labels
) -> Finding:
    stable = [sum(not stalled(t, labels) for t in group) for group in (a, b)]
    return judge(
        shares_evidence((stable[0], stable[1]), (len(a), len(b))),
        claim=f"Architectures: {better} trains more stably than {worse}",
        question=QUESTION,
        family=a[0].config.model.family,
        unit=f"share of stable runs, {better} - {worse}",
        explanation=f"{stable[0]} of {len(a)} runs of {better} and {stable[1]} of {len(b)} of {worse} neither diverged "
        "nor stayed near chance on their own training images.",
        source="He et al. 2015, section 4.1",
    )


def _faster(
    a: Sequence[TrialRecord], b: Sequence[TrialRecord], better: str, worse: str, context: Context
) -> list[Finding]:
    """Epochs and seconds to an error that the slower architecture's median run also reaches, if it does."""
    medians = [float(np.median([val_error(t, context.chance_error) for t in group])) for group in (a, b)]
    target = max(medians)
    found = []
    for unit in ("epochs", "seconds"):
        times = [np.array([time_to(t, target, unit) for t in group]) for group in (a, b)]
        reached = [float(np.isfinite(x).mean()) for x in times]
        median = [f"{np.median(x):.3g}" if np.isfinite(np.median(x)) else "never" for x in times]
        found.append(
            judge(
                earlier_evidence(*times, seed=context.seed),
                claim=f"Architectures: {better} trains faster than {worse}, in {unit} to a given error",
                question=QUESTION,
                family=a[0].config.model.family,
                unit=f"chance that a run of {better} is the earlier, less one half",
                explanation=f"{percent(target)} validation error is reached by {percent(reached[0])} of the runs of "
                f"{better} (median {median[0]} {unit}) and {percent(reached[1])} of {worse} (median {median[1]}).",
                source="He et al. 2015, section 4.1",
            )
        )
    return found


def time_to(trial: TrialRecord, error: float, unit: str) -> float:
    """Epochs, or seconds of training, until validation error is first at most ``error``; infinite if never."""
    spent = 0.0
    for epoch in trial.epochs:
        spent = epoch.epoch if unit == "epochs" else spent + epoch.train_seconds
        if epoch.val_error <= error:
            return float(spent)
    return float("inf")
