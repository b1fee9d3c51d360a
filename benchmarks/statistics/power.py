"""How often a planted effect is found, beside the textbook's tests of the same design at the same level.

A rival's p value takes the place of the claim's own among those of its study, and is corrected with them. It counts as
valid where, alone, it calls at most 5 % of studies without an effect, of each kind that is planted; the claim should
find as much as the best of these, less ten points. Claims find nothing smaller than the least effect worth the name:
what rivals find is given where the claim's estimate is that large, and ``bare``, without that rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np

from benchmarks.statistics import rivals
from benchmarks.statistics.planted import architectures, degradation, double_descent, early_overfit, gradients, helps
from benchmarks.statistics.planted.study import CONTEXT, Planted
from fitscape.study.findings import Verdict, all_findings
from fitscape.study.findings.finding import ALPHA
from fitscape.study.regimes.correction import holm

Plant = Callable[[np.random.Generator, float], Planted]
PEAKED: Final = (0.40, 0.33, 0.30, 0.30, 0.30, 0.295, 0.29, 0.285, 0.28)  # the fourth width is raised


@dataclass(frozen=True)
class Design:
    """``effects`` begin with none; ``claim``: a part that one finding of the study has; ``nulls``: further kinds of
    studies in which it is false."""

    question: str
    claim: str
    plant: Plant
    effects: tuple[float, ...]
    tests: Mapping[str, rivals.Rival]
    nulls: Mapping[str, Plant] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[float | str, ...]:
        """Sizes of the effect, then the names of further studies without one."""
        return *self.effects, *self.nulls


def _named(name: str, build: Callable[..., Planted], **given: Any) -> Plant:
    """A planted study whose effect goes by this name."""
    return lambda rng, effect: build(rng, **given, **{name: effect})


def _peak(rng: np.random.Generator, effect: float, *, seeds: int) -> Planted:
    curve = [error + effect * (i == 3) for i, error in enumerate(PEAKED)]
    return double_descent.plant(rng, curve=curve, seeds=seeds)


def _frontier(rng: np.random.Generator, effect: float, *, seeds: int) -> Planted:
    return gradients.plant(rng, seeds=seeds, deepest=0.5 + effect)


def _undone(rng: np.random.Generator, effect: float, *, seeds: int) -> Planted:
    """Losses that rise by 60 % and fall below all earlier ones at the last epoch, as under a falling rate."""
    study = early_overfit.plant(rng, configurations=1, seeds=seeds, rise=0.6)
    trials = []
    for t in study.trials:
        lower = {name: 0.6 * getattr(t.epochs[-1], name) for name in ("val_loss", "val_loss_a", "val_loss_b")}
        trials.append(replace(t, epochs=(*t.epochs[:-1], replace(t.epochs[-1], **lower))))
    return replace(study, trials=trials)


def _no_rise(seeds: int) -> Mapping[str, Plant]:
    return {
        "larger fluctuation": lambda rng, _: early_overfit.plant(rng, configurations=1, seeds=seeds, fluctuation=0.15),
        "a rise that is undone": partial(_undone, seeds=seeds),
    }


LOWER: Final = "densenet121 reaches a lower validation error than plain18"
STALL: Final = "plain nets without normalization, gaussian initialization stop training"
PEAKS: Final = {"shuffled widths": rivals.shuffled_peak, "t of three widths": rivals.chosen_peak}
RISES: Final = {
    "t of every epoch": rivals.every_epoch,
    "t of last over best": rivals.last_over_best,
    "t of late slopes": rivals.late_slope,
}
SLOPE: Final = {"least squares": rivals.least_squares}
RESCUE: Final = {
    "McNemar": rivals.mcnemar,
    "Suissa and Shuster": rivals.suissa_shuster,
    "Fisher": rivals.fisher,
    "Boschloo": rivals.boschloo,
}
_of_pairs = rivals.of_samples(rivals.by_configurations, paired=True)
_of_samples = rivals.of_samples(rivals.by_configurations, paired=False)
_drawn = partial(_named, "better", architectures.drawn)

DESIGNS: Final[Mapping[str, Design]] = {
    "architectures, grid x 5 seeds": Design(
        "architectures", LOWER, _named("better", architectures.grid, seeds=5), (0.0, 0.5, 1.0, 1.5),
        rivals.of_samples(rivals.best_by_seed, paired=True),
    ),
    "architectures, 12 shared configurations x 3 seeds": Design(
        "architectures", LOWER, _drawn(configurations=12, seeds=3, paired=True), (0.0, 0.5, 1.0, 1.5), _of_pairs
    ),
    "architectures, 16 own configurations": Design(
        "architectures", LOWER, _drawn(configurations=16, seeds=1, paired=False), (0.0, 0.5, 1.0, 1.5), _of_samples
    ),
    "what helps, 16 configurations x 3 seeds": Design(
        "regimes", "more data helps", _named("slope", helps.plant, configurations=16, seeds=3), (0.0, 0.2, 0.4), SLOPE
    ),
    "what helps, 48 configurations": Design(
        "regimes", "more data helps", _named("slope", helps.plant, configurations=48, seeds=1), (0.0, 0.12, 0.24), SLOPE
    ),
    "double descent, 3 seeds": Design("double_descent", "peaks at", partial(_peak, seeds=3), (0.0, 0.04, 0.08), PEAKS),
    "double descent, 5 seeds": Design("double_descent", "peaks at", partial(_peak, seeds=5), (0.0, 0.03, 0.06), PEAKS),
    "early overfit, 12 seeds": Design(
        "early_overfit", "validation loss", _named("rise", early_overfit.plant, configurations=1, seeds=12),
        (0.0, 0.15, 0.3), RISES, _no_rise(12),
    ),
    "early overfit, 6 seeds": Design(
        "early_overfit", "validation loss", _named("rise", early_overfit.plant, configurations=1, seeds=6),
        (0.0, 0.15, 0.3), RISES, _no_rise(6),
    ),
    "gradients, a remedy, 3 seeds": Design(
        "gradients", "batch normalization in plain nets lets nets train",
        _named("rescue", gradients.plant, seeds=3, stall=0.6), (0.0, 0.35, 0.55), RESCUE,
    ),
    "gradients, frontier, 12 seeds": Design(
        "gradients", STALL, partial(_frontier, seeds=12), (0.0, 0.35, 0.45),
        {"binomial": rivals.deepest_coins},
    ),
    "degradation, 5 seeds": Design(
        "degradation", "plain56 trains to a higher error", _named("rise", degradation.plant, seeds=5),
        (0.0, 0.03, 0.06), rivals.of_samples(rivals.by_depth, paired=True),
    ),
}  # fmt: skip


def run(name: str, effect: float | str, seed: int) -> dict[str, Any]:
    """One study: what its claim says, and [alone, corrected] p values of the rivals, as JSON."""
    design = DESIGNS[name]
    number = list(DESIGNS).index(name)
    rng = np.random.default_rng([seed, number, len(effect) if isinstance(effect, str) else round(1000 * effect)])
    study = design.nulls[effect](rng, 0.0) if isinstance(effect, str) else design.plant(rng, effect)
    found = all_findings(study.trials, study.labels.values(), CONTEXT, questions=[design.question])
    (own,) = (f for f in found if design.claim in f.claim)
    others = [f.p for f in found if f is not own and np.isfinite(f.p)]
    alone = {test: rival(study) for test, rival in design.tests.items()}
    corrected = {test: [p, float(holm(np.array([p, *others]))[0])] for test, p in alone.items()}
    return {
        "design": name,
        "effect": effect,
        "seed": seed,
        "verdict": own.verdict.value,
        "worth": bool(own.estimate >= own.margin),
        "claims": len(found),
        "rivals": corrected,
    }


def summarize(done: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a design and effect: shares of studies that find it, of the claim and of each rival; and the best valid."""
    rows = []
    for name, design in DESIGNS.items():
        groups = {k: [one for one in done if one["design"] == name and one["effect"] == k] for k in design.kinds}
        nothing: tuple[float | str, ...] = (0.0, *design.nulls)
        alone = {test: max(_called(groups[kind], test) for kind in nothing) for test in design.tests}
        valid = {test: share for test, share in alone.items() if share <= ALPHA}
        for effect, group in groups.items():
            if not group:
                continue
            bare, shares = (
                {t: float(np.mean([one["rivals"][t][1] <= ALPHA and (any_ or one["worth"]) for one in group]))
                 for t in design.tests}
                for any_ in (True, False)
            )  # fmt: skip
            found, denied = (
                float(np.mean([one["verdict"] == v for one in group]))
                for v in (Verdict.SUPPORTED.value, Verdict.CONTRADICTED.value)
            )
            row = {"design": name, "effect": effect, "studies": len(group), "found": found}
            row |= {"se": float(np.sqrt(found * (1 - found) / len(group))), "denied": denied}
            if valid:
                best = max(valid, key=lambda test: shares[test])
                row |= {"best": best, "best_found": shares[best], "short": shares[best] - found}
                row |= {"best_bare": max(bare[test] for test in valid), "false_alarms_alone": valid[best]}
            rows.append(row | {"rivals": shares, "valid": sorted(valid)})
    return rows


def _called(group: list[dict[str, Any]], test: str) -> float:
    """Share of studies that a rival calls, its p value not corrected; 0 of none."""
    return sum(one["rivals"][test][0] <= ALPHA for one in group) / max(len(group), 1)
