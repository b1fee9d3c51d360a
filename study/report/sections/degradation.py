"""Training error against depth: what He et al. (2015) call degradation."""

from typing import Any

import numpy as np

from fitscape.study.config import Written
from fitscape.study.findings.context import config_key
from fitscape.study.findings.degradation import rise
from fitscape.study.findings.evidence import mean_evidence
from fitscape.study.records import TrialRecord
from fitscape.study.regimes import DepthPair, DepthTest, depth_pairs, depth_tests
from fitscape.study.regimes.depth import LEAST_RATES, LEAST_SEEDS, RISE
from fitscape.study.report import wording
from fitscape.study.report.section import Section
from fitscape.study.report.subject import Subject


def degradation(subject: Subject) -> dict[str, Any]:
    """``series``: by family, training errors by depth with their seeds; ``pairs``: deep - shallow with intervals.

    Depths are compared that share every other hyperparameter and at least two seeds, each at its best learning rate.
    """
    if subject.no_labels:
        return {"series": [], "pairs": []}
    found = depth_pairs(subject.trials, classes=len(subject.classes), chance_error=subject.study.chance_error)
    tests: dict[Written, list[DepthTest]] = {}
    for test in sorted(depth_tests(found, subject.config.data.overlap), key=lambda test: test.pair.deep):
        tests.setdefault(test.pair.conditions, []).append(test)
    by_family = _alike(found)
    return {
        "series": [_series(family, pairs) for family, pairs in sorted(by_family.items())],
        "pairs": [_difference(test) for _, pairs in sorted(by_family.items()) for test in tests[pairs[0].conditions]],
        "rule": {"rise": f"{100 * RISE:g} point", "seeds": LEAST_SEEDS, "rates": LEAST_RATES},
        "held": _held(next(iter(by_family.values()))[0]) if len({_held(p[0]) for p in by_family.values()}) == 1 else "",
        "others": len(found) - sum(len(pairs) for pairs in by_family.values()),
    }


def _alike(found: list[DepthPair]) -> dict[str, list[DepthPair]]:
    """One group of pairs for each family: under the same conditions where that can be, or a picture of two families
    compares their conditions.

    The conditions that most families ran under, of those the ones with the most depths, seeds and learning rates
    (a control has fewest of them). A family that did not run under them is shown under its own.
    """
    shared: dict[Written, dict[str, list[DepthPair]]] = {}
    for pair in found:
        trial = pair.shallow_trials[0]
        key = config_key(trial, ("family", "depth", "shortcut", "growth_rate", "lr", "seed"))
        shared.setdefault(key, {}).setdefault(wording.net(pair.stratum.model.family), []).append(pair)
    by_family: dict[str, list[DepthPair]] = {}
    for families in sorted(shared.values(), key=_telling):
        for family, pairs in families.items():
            # of one family's own variants under these conditions, the one with the most
            variants: dict[Written, list[DepthPair]] = {}
            for pair in pairs:
                variants.setdefault(pair.conditions, []).append(pair)
            by_family.setdefault(family, max(variants.values(), key=_weight))
    return by_family


def _telling(families: dict[str, list[DepthPair]]) -> tuple[int, int, float]:
    """The least of most families, most runs, and lowest errors: nets that all stall have nothing to show."""
    pairs = [pair for family in families.values() for pair in family]
    errors = np.concatenate([errors for pair in pairs for errors in (pair.shallow_errors, pair.deep_errors)])
    return -len(families), -_weight(pairs), float(errors.mean())


def _weight(pairs: list[DepthPair]) -> int:
    return sum(len(pair.deep_errors) * pair.rates for pair in pairs)


def _held(pair: DepthPair) -> str:
    model = pair.stratum.model
    norm = "without normalization" if model.norm == "none" else f"{model.norm} normalization"
    return f"width {model.width:g}, {norm}, {model.init} initialization"


def _series(family: str, pairs: list[DepthPair]) -> dict[str, Any]:
    errors: dict[int, dict[int, float]] = {}
    for pair in pairs:
        for depth, told, trials in (
            (pair.shallow, pair.shallow_errors, pair.shallow_trials),
            (pair.deep, pair.deep_errors, pair.deep_trials),
        ):
            errors.setdefault(depth, {}).update(_by_seed(told, trials))
    depths = sorted(errors)
    rows = [list(errors[d].values()) for d in depths]
    spread = [mean_evidence(row) if len(row) > 1 else None for row in rows]
    return {
        "family": family,
        "depths": depths,
        "mean": [round(float(np.mean(row)), 5) for row in rows],
        "low": [round(max(0.0, s.low), 5) if s else None for s in spread],
        "high": [round(min(1.0, s.high), 5) if s else None for s in spread],
        "seeds": sorted({seed for d in depths for seed in errors[d]}),
        "runs": [{str(seed): round(e, 5) for seed, e in errors[d].items()} for d in depths],
        "held": _held(pairs[0]),
    }


def _by_seed(errors: Any, trials: tuple[TrialRecord, ...]) -> dict[int, float]:
    return {t.config.seed: float(e) for e, t in zip(errors, trials, strict=True)}


def _difference(test: DepthTest) -> dict[str, Any]:
    pair, evidence = test.pair, rise(test)
    family = pair.stratum.model.family
    return {
        "deep": wording.net(f"{family}{pair.deep}"),
        "shallow": wording.net(f"{family}{pair.shallow}"),
        "seeds": len(pair.deep_errors),
        "rates": pair.rates,
        "deep_error": wording.percent(float(pair.deep_errors.mean())),
        "shallow_error": wording.percent(float(pair.shallow_errors.mean())),
        "difference": f"{100 * evidence.estimate:+.1f} points",
        "interval": f"{100 * max(evidence.low, -1):+.1f} to {100 * min(evidence.high, 1):+.1f} points",
        "degraded": _said(test),
    }


def _said(test: DepthTest) -> str:
    if test.degraded or test.denied:
        return "yes" if test.degraded else "no"
    return f"too few runs: it takes {test.lacks}" if test.lacks else "not shown"


SECTION = Section(
    "degradation",
    "Does depth hurt training?",
    "Depth",
    lambda m: degradation(m.subject),
    scripted=True,
    shown=lambda built: bool(built["series"]),
)
