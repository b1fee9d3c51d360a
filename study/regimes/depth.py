"""Degradation (He et al. 2015): a deeper net with a higher training error than its shallower twin."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from scipy.special import logit

from fitscape.models.weight_names import NONE
from fitscape.study.config import TrialConfig, Written
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.regimes.correction import holm
from fitscape.study.regimes.flags import INTERPOLATION_ERROR, VANISHING_RATIO
from fitscape.study.regimes.replicates import finite
from fitscape.study.regimes.rule import Array, flip_rate, rate, to_noisy

RISE: Final = 0.01  # one point of training error: smaller rises are not called degradation
LEAST_SEEDS: Final = 5  # with 4 an exact sign test cannot reach p < .05
LEAST_RATES: Final = 3  # learning rates tried at each depth, or a bad rate could pass for depth
NO_GRADIENT: Final = 1e-12  # a ratio of 0 has no logarithm
DECADES: Final = 0.01  # a spread over seeds below this one is not believed
LEVEL: Final = 0.05  # two-sided, over the study's pairs


@dataclass(frozen=True, kw_only=True)
class DepthPair:
    """A deep net and its shallower twin, alike in all else, paired by seed.

    Under each seed a net is run at the rate that is best over the *other* seeds: a rate that is chosen by the errors
    which are then compared flatters the depth with more rates alike.
    """

    stratum: TrialConfig  # what they share; its depth, rate and seed are those of a shallow trial
    shallow: int
    deep: int
    shallow_rate: float  # best over all seeds
    deep_rate: float
    rates: int  # learning rates tried, of the depth with fewer
    shallow_trials: tuple[TrialRecord, ...]  # one a seed, in the same order as the deep ones
    deep_trials: tuple[TrialRecord, ...]
    shallow_errors: Array  # [S] training errors; that of a diverged run is chance
    deep_errors: Array

    @property
    def inflation(self) -> float:
        """By how much more the mean difference varies than its seeds' spread says. Seeds that choose by each other
        are no independent draws where they do not agree: Nadeau and Bengio's correction (2003)."""
        sides = (self.shallow_trials, self.deep_trials)
        agreed = all(len({t.config.optimization.lr for t in side}) == 1 for side in sides)
        seeds = len(self.shallow_errors)
        return 1.0 if agreed else float(np.sqrt(1 + seeds / (seeds - 1)))

    @property
    def decades(self) -> Array:
        """[at most S] decades of the deep net's gradient ratio above ``VANISHING_RATIO``, the median of each run's
        epochs: what He et al. (section 4.1) found alive in plain nets with normalization. Of other nets it is empty."""
        if self.stratum.model.family != "plain" or self.stratum.model.norm == "none":
            return np.empty(0)
        runs = [[r for e in t.epochs if (r := e.gradient_ratio) is not None and r == r] for t in self.deep_trials]
        medians = np.array([np.median(ratios) for ratios in runs if ratios])
        return np.asarray(np.log10(np.maximum(medians, NO_GRADIENT) / VANISHING_RATIO))

    @property
    def conditions(self) -> Written:
        """Key of what the pair shares: pairs of one key differ in depth only."""
        return _stratum(self.stratum)


@dataclass(frozen=True, kw_only=True)
class DepthTest:
    """The one rule of degradation, which table, finding and flag follow: paired t over seeds, both ways.

    A rise of the training error is *found* where it is ``RISE`` or more and surely above 0; it is *denied* where it is
    surely below ``RISE``. Sure is meant over all pairs of the study (Holm 1979). To find one takes ``LEAST_SEEDS`` and
    ``LEAST_RATES`` as well: under a single rate a bad one would pass for depth.
    """

    pair: DepthPair
    estimate: float  # mean training error, deep - shallow
    se: float
    p_above: float  # of H0: not above 0
    p_below: float  # of H0: not below RISE
    p_adjusted: float  # of what decides, two-sided
    p_gradients: float | None = None  # that the deep net's gradients vanish, adjusted with the others; None: not asked

    @property
    def seeds(self) -> int:
        return len(self.pair.deep_errors)

    @property
    def lacks(self) -> str:
        """What a rise could not be found without: ``2 more seeds and 1 more learning rate``; empty where it could."""
        missing = ((LEAST_SEEDS - self.seeds, "seed"), (LEAST_RATES - self.pair.rates, "learning rate"))
        return " and ".join(f"{n} more {what}{'s' if n > 1 else ''}" for n, what in missing if n > 0)

    @property
    def degraded(self) -> bool:
        """A rise was found."""
        return self._above and not self.lacks and self.p_adjusted <= LEVEL

    @property
    def denied(self) -> bool:
        """There is no rise of ``RISE`` or more."""
        return self.p_below <= LEVEL / 2 and not self._above and self.p_adjusted <= LEVEL

    @property
    def _above(self) -> bool:
        return self.p_above <= LEVEL / 2 and self.estimate >= RISE


def depth_pairs(trials: Iterable[TrialRecord], *, classes: int, chance_error: float) -> list[DepthPair]:
    """Every pair of depths that differ in nothing else and share at least two seeds.

    The best learning rate of a depth is that of the lowest mean training logit over seeds; a run that diverged
    counts as chance. Trials that failed or were stopped early are left out, and so are those that begin at weights or
    freeze some: a depth that did not have to learn all its layers says nothing about learning them.
    """
    strata: dict[Written, dict[int, _Rates]] = {}
    for trial in sorted(trials, key=lambda t: (t.config.group_id, t.config.seed)):
        error = _training_error(trial, classes, chance_error)
        if error is not None and _learns_all(trial.config):
            rates = strata.setdefault(_stratum(trial.config), {}).setdefault(trial.config.model.depth, {})
            rates.setdefault(trial.config.optimization.lr, {})[trial.config.seed] = (trial, error)
    pairs = []
    for depths in strata.values():
        best = {depth: (_best_rate(rates), len(rates)) for depth, rates in sorted(depths.items())}
        for deep in best:
            for shallow in (d for d in best if d < deep):
                pair = _pair(depths, shallow, deep, best)
                if pair is not None:
                    pairs.append(pair)
    return pairs


def depth_tests(pairs: Iterable[DepthPair], overlap: float = 0.0) -> list[DepthTest]:
    """A test of each net against its shallowest twin, in the order of the pairs; ``overlap`` as in `SeedNoise`.

    p values are adjusted over these and over the tests of their gradients, so that the chance of any wrong word on
    depth is 5 % a study.
    """
    tests = [_test(pair, overlap) for pair in _against_shallowest(pairs)]
    if not tests:
        return []
    asked = [test for test in tests if test.p_gradients is not None]
    adjusted = iter(holm(np.array([test.p_adjusted for test in tests] + [test.p_gradients for test in asked])))
    tests = [replace(test, p_adjusted=float(next(adjusted))) for test in tests]
    return [test if test.p_gradients is None else replace(test, p_gradients=float(next(adjusted))) for test in tests]


def _against_shallowest(pairs: Iterable[DepthPair]) -> list[DepthPair]:
    pairs, shallowest = list(pairs), dict[Written, int]()
    for pair in pairs:
        shallowest[pair.conditions] = min(pair.shallow, shallowest.get(pair.conditions, pair.shallow))
    return [p for p in pairs if p.shallow == shallowest[p.conditions]]


def _test(pair: DepthPair, overlap: float) -> DepthTest:
    from scipy.stats import t as student

    rise = pair.deep_errors - pair.shallow_errors
    last = pair.deep_trials[0].last
    resolution = 1 / last.train_n if last is not None else 0.0  # one image: equal errors are not infinitely sure
    of_mean = max(pair.inflation / np.sqrt(len(rise)), np.sqrt(1 / len(rise) + overlap))
    se = max(float(rise.std(ddof=1)), resolution, 1e-12) * of_mean
    estimate, df = float(rise.mean()), len(rise) - 1
    p_above, p_below = float(student.sf(estimate / se, df)), float(student.cdf((estimate - RISE) / se, df))
    # Where the estimate is small the test of a larger rise is what can decide, and only that one.
    p = 2 * (min(p_above, p_below) if estimate >= RISE else p_below)
    alive, p_gradients = pair.decades, None
    if len(alive) > 1:
        t = float(alive.mean()) * np.sqrt(len(alive)) / max(float(alive.std(ddof=1)), DECADES)
        p_gradients = 2 * float(student.sf(abs(t), len(alive) - 1))
    return DepthTest(
        pair=pair,
        estimate=estimate,
        se=float(se),
        p_above=p_above,
        p_below=p_below,
        p_adjusted=min(1.0, p),
        p_gradients=p_gradients,
    )


def _floored(errors: Array) -> Array:
    return np.asarray(logit(np.maximum(errors, INTERPOLATION_ERROR)))


def _learns_all(config: TrialConfig) -> bool:
    """Whether every layer begins at drawn weights and is trained."""
    return config.model.weights == NONE and config.optimization.freeze == 0 and config.optimization.bn == "train"


def _training_error(trial: TrialRecord, classes: int, chance_error: float) -> float | None:
    if trial.state is TrialState.FINISHED and trial.last is not None and finite(trial.last):
        return float(rate(trial.last.train_error, trial.last.train_n))
    if trial.state in (TrialState.FINISHED, TrialState.DIVERGED):
        return float(to_noisy(chance_error, flip_rate(trial.config, trial.last, classes), classes))
    return None


def _stratum(config: TrialConfig) -> Written:
    """What two depths must share: all but depth, learning rate and seed."""
    return tuple(item for item in config.written if item[0] not in ("depth", "lr", "seed"))


_Rates: TypeAlias = dict[float, dict[int, tuple[TrialRecord, float]]]  # rate -> seed -> trial, training error


def _best_rate(rates: _Rates, without: int | None = None) -> float:
    """Of lowest mean logit over the seeds but one; of all, where that one is the only seed."""

    def mean(rate: float) -> float:
        errors = [e for seed, (_, e) in rates[rate].items() if seed != without]
        return float(np.mean(_floored(np.array(errors)))) if errors else float("inf")

    return min(rates, key=lambda r: (mean(r), r))


def _at_best(rates: _Rates) -> dict[int, tuple[TrialRecord, float]]:
    """By seed: the trial at the rate that is best over the other seeds, of those rates that this seed ran."""
    found = {}
    for seed in sorted({seed for runs in rates.values() for seed in runs}):
        ran = {rate: runs for rate, runs in rates.items() if seed in runs}
        found[seed] = ran[_best_rate(ran, without=seed)][seed]
    return found


def _pair(depths: dict[int, _Rates], shallow: int, deep: int, best: dict[int, tuple[float, int]]) -> DepthPair | None:
    low, high = _at_best(depths[shallow]), _at_best(depths[deep])
    seeds = sorted(low.keys() & high.keys())
    if len(seeds) < 2:
        return None
    return DepthPair(
        stratum=low[seeds[0]][0].config,
        shallow=shallow,
        deep=deep,
        shallow_rate=best[shallow][0],
        deep_rate=best[deep][0],
        rates=min(best[shallow][1], best[deep][1]),
        shallow_trials=tuple(low[s][0] for s in seeds),
        deep_trials=tuple(high[s][0] for s in seeds),
        shallow_errors=np.array([low[s][1] for s in seeds]),
        deep_errors=np.array([high[s][1] for s in seeds]),
    )
