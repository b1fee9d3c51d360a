"""The textbook's tests of what a study claims, each of one design: what the findings' own tests are measured against.

Every test takes planted trials and gives twice its one-sided p value of the planted effect, as findings do.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Final, SupportsFloat

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import logit
from statsmodels.regression.linear_model import OLS

from benchmarks.statistics.planted.study import CHANCE, Planted
from fitscape.study.findings.context import by_configuration, stalled, twins, val_error
from fitscape.study.findings.double_descent import heights
from fitscape.study.findings.recommendation import MOVES
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.rule import Array

Rival = Callable[[Planted], float]
SHUFFLES: Final = 1999
SMALLEST: Final = 1e-3  # an error whose logit is taken


def doubled(p: SupportsFloat) -> float:
    """Twice a one-sided p value; 1 where a test has none."""
    return min(1.0, 2 * float(p)) if np.isfinite(float(p)) else 1.0


def _logits(errors: Array) -> Array:
    return np.asarray(logit(np.clip(errors, SMALLEST, 1 - SMALLEST)))


def of_samples(samples: Callable[[Planted], tuple[Array, Array]], *, paired: bool) -> Mapping[str, Rival]:
    """Tests that the first of two samples [N] of errors lies higher."""

    def sides(study: Planted, logits: bool) -> tuple[Array, Array]:
        high, low = samples(study)
        return (_logits(high), _logits(low)) if logits else (high, low)

    def welch(logits: bool) -> Rival:
        def p(study: Planted) -> float:
            return doubled(stats.ttest_ind(*sides(study, logits), equal_var=False, alternative="greater").pvalue)

        return p

    def rank_sum(study: Planted) -> float:
        return doubled(stats.mannwhitneyu(*sides(study, False), alternative="greater").pvalue)

    def t_of_pairs(logits: bool) -> Rival:
        def p(study: Planted) -> float:
            return doubled(stats.ttest_rel(*sides(study, logits), alternative="greater").pvalue)

        return p

    def signed_rank(study: Planted) -> float:
        return doubled(stats.wilcoxon(*sides(study, True), alternative="greater").pvalue)

    unpaired: dict[str, Rival] = {"Welch's t": welch(False), "Welch's t of logits": welch(True), "rank sum": rank_sum}
    pairs: dict[str, Rival] = {"t of pairs": t_of_pairs(False), "t of pairs of logits": t_of_pairs(True)}
    return {**unpaired, **(pairs | {"signed ranks": signed_rank} if paired else {})}


def best_by_seed(study: Planted) -> tuple[Array, Array]:
    """Half B's errors [S] of the plain and the dense net, each at the configuration that half A of the seed chose."""

    def best(name: str) -> list[float]:
        by_seed: dict[int, list[TrialRecord]] = {}
        for t in _nets(study, name):
            by_seed.setdefault(t.config.seed, []).append(t)
        return [_halves(min(group, key=lambda t: _halves(t)[0]))[1] for _, group in sorted(by_seed.items())]

    return np.array(best("plain18")), np.array(best("densenet121"))


def by_configurations(study: Planted) -> tuple[Array, Array]:
    """Errors [C] of the plain and the dense net, means over the seeds of a configuration, in the order planted."""

    def means(name: str) -> list[float]:
        return [float(np.mean([val_error(t, CHANCE) for t in seeds])) for seeds in by_configuration(_nets(study, name))]

    return np.array(means("plain18")), np.array(means("densenet121"))


def by_depth(study: Planted) -> tuple[Array, Array]:
    """Training errors [S] of the deep and the shallow plain net, at the rate that is best for each over all seeds."""

    def best(depth: int) -> list[float]:
        by_rate: dict[float, list[float]] = {}
        for t in study.trials:
            if t.config.model.family == "plain" and t.config.model.depth == depth and t.last is not None:
                by_rate.setdefault(t.config.optimization.lr, []).append(t.last.train_error)
        return min(by_rate.values(), key=lambda errors: float(np.mean(errors)))

    return np.array(best(56)), np.array(best(20))


def _nets(study: Planted, name: str) -> list[TrialRecord]:
    return [t for t in study.trials if t.config.model.name == name]


def _halves(trial: TrialRecord) -> tuple[float, float]:
    end = trial.last
    return (CHANCE, CHANCE) if end is None or val_error(trial, np.inf) == np.inf else (end.val_error_a, end.val_error_b)


def least_squares(study: Planted) -> float:
    """That more images lower the logit error: least squares over configurations, equal spreads assumed."""
    nets = by_configuration(study.trials)
    at = [[np.log(t.config.flattened[m.hyperparameter]) / np.log(m.factor) for m in MOVES] for t, *_ in nets]
    y = np.array([_logits(np.array([val_error(t, CHANCE) for t in seeds])).mean() for seeds in nets])
    fit = OLS(y, np.column_stack([np.ones(len(y)), at])).fit()
    return doubled(stats.t.cdf(fit.tvalues[1], fit.df_resid))


def _curve(study: Planted) -> Array:
    """[S, W] validation errors."""
    cells = {(t.config.seed, t.config.model.width): val_error(t, CHANCE) for t in study.trials}
    seeds, widths = sorted({seed for seed, _ in cells}), sorted({width for _, width in cells})
    return np.array([[cells[seed, width] for width in widths] for seed in seeds])


def shuffled_peak(study: Planted) -> float:
    """That an inner width is worst: the largest height of the mean, among widths shuffled within each seed."""
    val, rng = _curve(study), np.random.default_rng(0)
    flat = rng.permuted(np.broadcast_to(val, (SHUFFLES, *val.shape)), axis=2).mean(axis=1)
    return doubled((1 + (heights(flat).max(axis=1) >= heights(val.mean(axis=0)).max()).sum()) / (SHUFFLES + 1))


def chosen_peak(study: Planted) -> float:
    """The same: t tests of the two rises of each three widths, spreads pooled, the least p by Bonferroni."""
    val = _curve(study)
    s, w = val.shape
    residual = val - val.mean(axis=0) - val.mean(axis=1, keepdims=True) + val.mean()
    df = (s - 1) * (w - 1)
    se = np.sqrt((residual**2).sum() / df * 2 / s)
    t = (val.mean(axis=0)[:, None] - val.mean(axis=0)[None]) / se
    triples = list(combinations(range(w), 3))
    return doubled(min(1.0, len(triples) * float(stats.t.sf(max(min(t[j, i], t[j, k]) for i, j, k in triples), df))))


def _losses(study: Planted, half: str) -> Array:
    """[C, E] logarithm of the mean loss over the seeds of a configuration, or of a run of one configuration."""
    groups = by_configuration(study.trials)
    rows = groups if len(groups) > 1 else [[t] for t in study.trials]
    return np.log([np.mean([[getattr(e, f"val_loss_{half}") for e in t.epochs] for t in row], axis=0) for row in rows])


def last_over_best(study: Planted) -> float:
    """That the loss ends above its best: t of the last over the epoch that half A of all runs has lowest, on half B."""
    best = int(_losses(study, "a").mean(axis=0)[:-1].argmin())
    b = _losses(study, "b")
    return doubled(stats.ttest_1samp(b[:, -1] - b[:, best], 0, alternative="greater").pvalue)


def every_epoch(study: Planted) -> float:
    """The same: t of the last over each earlier epoch, both halves, the least p by Bonferroni."""
    both = (_losses(study, "a") + _losses(study, "b")) / 2
    rises = both[:, -1:] - both[:, :-1]
    p = stats.ttest_1samp(rises, 0, axis=0, alternative="greater").pvalue
    return doubled(min(1.0, rises.shape[1] * float(np.min(p))))


def late_slope(study: Planted) -> float:
    """The same: t of the slopes of the runs' log loss over the second half of training."""
    both = (_losses(study, "a") + _losses(study, "b")) / 2
    late = both[:, both.shape[1] // 2 :]
    slopes = np.polyfit(np.arange(late.shape[1]), late.T, 1)[0]
    return doubled(stats.ttest_1samp(slopes, 0, alternative="greater").pvalue)


def _stalls(study: Planted) -> tuple[Sequence[bool], Sequence[bool]]:
    """Plain nets that stall without and with batch normalization, in pairs."""
    plain = [t for t in study.trials if t.config.model.family == "plain"]
    pairs = twins(plain, {"norm": "batch"}, {"norm": "none"}, ignoring=("shortcut",))
    without, with_it = ([stalled(pair[side], study.labels) for pair in pairs] for side in (1, 0))
    return without, with_it


def _table(study: Planted) -> NDArray[np.int_]:
    """[without and with, stalled and not]."""
    return np.array([[sum(side), len(side) - sum(side)] for side in _stalls(study)])


def fisher(study: Planted) -> float:
    """That fewer nets stall with the remedy, pairs aside."""
    return doubled(stats.fisher_exact(_table(study), alternative="greater").pvalue)


def boschloo(study: Planted) -> float:
    """The same, without the condition on the number of stalls."""
    return doubled(stats.boschloo_exact(_table(study).T, alternative="greater", n=8).pvalue)


def mcnemar(study: Planted) -> float:
    """The same in pairs, exact."""
    without, with_it = (np.array(side) for side in _stalls(study))
    gained, lost = int((without & ~with_it).sum()), int((~without & with_it).sum())
    return doubled(stats.binomtest(gained, gained + lost, alternative="greater").pvalue) if gained + lost else 1.0


def suissa_shuster(study: Planted) -> float:
    """The same, exact without the condition on the number of pairs that differ (1991)."""
    without, with_it = (np.array(side) for side in _stalls(study))
    n, gained = len(without), int((without & ~with_it).sum())
    table = n + 1, n + 1
    up, down = (x.ravel() for x in np.indices(table))
    up, down = up[up + down <= n], down[up + down <= n]
    score = (up - down) / np.sqrt(np.maximum(up + down, 1e-9))
    lost = int((~without & with_it).sum())
    extreme = score >= (gained - lost) / np.sqrt(max(gained + lost, 1e-9)) - 1e-9
    counts = np.column_stack([up, down, n - up - down])[extreme]
    shares = np.linspace(0, 0.5, 51)[1:]
    return doubled(max(stats.multinomial.pmf(counts, n, [q, q, 1 - 2 * q]).sum() for q in shares))


def deepest_coins(study: Planted) -> float:
    """That more than half stall at the deepest depth: the exact binomial test of that depth."""
    arm = [t for t in study.trials if t.config.flattened["norm"] == "none" and t.config.flattened["init"] == "gaussian"]
    deepest = [t for t in arm if t.config.model.family == "plain" and t.config.model.depth == 56]
    hits = sum(stalled(t, study.labels) for t in deepest)
    return doubled(stats.binomtest(hits, len(deepest), 0.5, alternative="greater").pvalue)
