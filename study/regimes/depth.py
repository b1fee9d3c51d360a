"""Degradation (He et al. 2015): a deeper net with a higher training error than its shallower twin."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from scipy.special import digamma, logit, polygamma

from fitscape.models.weight_names import NONE
from fitscape.study.config import TrialConfig
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.regimes.flags import INTERPOLATION_ERROR
from fitscape.study.regimes.replicates import finite
from fitscape.study.regimes.rule import Array, flip_rate, rate, to_noisy

ODDS_RATIO: Final = 1.65  # half a logit: smaller rises of training error are not called degradation
LEAST_SEEDS: Final = 5  # with 4 an exact sign test cannot reach p < .05
LEAST_RATES: Final = 3  # learning rates tried at each depth, or a bad rate could pass for depth
FALSE_DISCOVERY: Final = 0.10


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
    def conditions(self) -> str:
        """Key of what the pair shares: pairs of one key differ in depth only."""
        return _stratum(self.stratum)

    @property
    def log_odds(self) -> Array:
        """D [S]: logit E_tr(deep) - logit E_tr(shallow). Below the interpolation error nothing differs."""
        return np.asarray(_floored(self.deep_errors) - _floored(self.shallow_errors))


@dataclass(frozen=True, kw_only=True)
class DepthTest:
    """Moderated paired t test that the odds of a training error rise by more than ``ODDS_RATIO``."""

    pair: DepthPair
    mean_log_odds: float
    t: float
    df: float
    p: float
    p_adjusted: float  # Benjamini and Hochberg over the study's pairs

    @property
    def degraded(self) -> bool:
        return self.p_adjusted <= FALSE_DISCOVERY


def depth_pairs(trials: Iterable[TrialRecord], *, classes: int, chance_error: float) -> list[DepthPair]:
    """Every pair of depths that differ in nothing else and share at least two seeds.

    The best learning rate of a depth is that of the lowest mean training logit over seeds; a run that diverged
    counts as chance. Trials that failed or were stopped early are left out, and so are those that begin at weights or
    freeze some: a depth that did not have to learn all its layers says nothing about learning them.
    """
    strata: dict[str, dict[int, _Rates]] = {}
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


def depth_tests(
    pairs: Iterable[DepthPair], *, least_seeds: int = LEAST_SEEDS, least_rates: int = LEAST_RATES
) -> list[DepthTest]:
    """Test each pair that has enough seeds and learning rates against H0: odds ratio <= 1.65, one-sided.

    Variances are moderated over the pairs (Smyth 2004, section 6), p values adjusted for a false discovery
    rate of 10 %.
    """
    # Here, or every worker and the driver would load both before the first trial: half a second.
    from scipy.stats import t as student
    from statsmodels.stats.multitest import multipletests

    tested = [p for p in pairs if len(p.shallow_errors) >= least_seeds and p.rates >= least_rates]
    if not tested:
        return []
    d = np.array([len(p.log_odds) - 1.0 for p in tested])
    mean = np.array([p.log_odds.mean() for p in tested])
    variance = np.array([p.log_odds.var(ddof=1) for p in tested])
    prior_df, prior_variance = variance_prior(variance, d)
    if np.isinf(prior_df):
        moderated = np.full(len(d), prior_variance)
    else:
        moderated = (prior_df * prior_variance + d * variance) / (prior_df + d)
    df = prior_df + d
    # All seeds on the floor differ by nothing: no evidence, whatever the variance.
    scale = np.sqrt(np.maximum(moderated, 1e-12) / (d + 1)) * np.array([p.inflation for p in tested])
    t = (mean - np.log(ODDS_RATIO)) / scale
    p = student.sf(t, np.minimum(df, 1e6))
    adjusted = multipletests(p, method="fdr_bh")[1]
    rows = zip(tested, mean, t, df, np.atleast_1d(p), adjusted, strict=True)
    return [
        DepthTest(pair=pair, mean_log_odds=float(m), t=float(ti), df=float(f), p=float(pi), p_adjusted=float(a))
        for pair, m, ti, f, pi, a in rows
    ]


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


def _stratum(config: TrialConfig) -> str:
    """What two depths must share: all but depth, learning rate and seed."""
    flat = config.flat()
    return repr(sorted((k, v) for k, v in flat.items() if k not in ("depth", "lr", "seed")))


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


def variance_prior(variance: Array, df: Array) -> tuple[float, float]:
    """Degrees of freedom and scale of the variances' common prior, by moments of log s^2 (Smyth 2004, 6.2).

    Fewer than three pairs say nothing about their spread: no prior.
    """
    usable = variance > 1e-12
    if usable.sum() < 3:
        return 0.0, 0.0
    d = df[usable]
    e = np.log(variance[usable]) - digamma(d / 2) + np.log(d / 2)
    spread = float(e.var(ddof=1) - np.mean(polygamma(1, d / 2)))
    if spread <= 0:
        return float("inf"), float(np.exp(e.mean()))
    half = _inverse_trigamma(spread)
    return 2 * half, float(np.exp(e.mean() + digamma(half) - np.log(half)))


def _inverse_trigamma(x: float) -> float:
    """Newton's iteration on 1 / trigamma, which is nearly linear (Smyth 2004, appendix)."""
    y = 0.5 + 1 / x
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / x) / float(polygamma(2, y))
        y += step
        if -step / y < 1e-8:
            break
    return y
