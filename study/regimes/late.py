"""Overfitting in time: is the last epoch worse than the best one? Best on half A, judged on half B."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fitscape.study.records import LatePair
from fitscape.study.regimes.rule import Array

RISE: Final = 0.10  # relative; Prechelt's generalization loss (1998) that is worth a word
FLUCTUATION: Final = 6.0  # standard deviations of an epoch's own fluctuation that a rise must exceed
LEAST_EPOCHS: Final = 8  # fewer do not show how a curve fluctuates
RESAMPLES: Final = 1000
AT_ONCE: Final = 64  # trials
LEVEL: Final = 0.05  # of the two-sided interval


@dataclass(frozen=True)
class Rise:
    """Last minus best on half B, in mean loss or in error, with a paired bootstrap interval."""

    best: float
    difference: float
    low: float
    high: float

    @property
    def overfits(self) -> bool:
        """The interval over images is above 0 and the rise is at least a tenth of the best: of this net, at these
        two epochs. Whether the epochs differ by more than epochs do: :func:`beyond_fluctuation`."""
        return self.low > 0 and self.difference >= RISE * self.best


def beyond_fluctuation(values: Sequence[float]) -> bool:
    """The last of a run's values [E] lies further above the lowest than the run's fluctuation explains.

    The lowest point of any fluctuating curve lies below its last one. The fluctuation shows in the steps between
    neighbouring epochs in the second half of the run, where it no longer falls; neighbours resemble each other,
    which makes the steps too small, and the limit allows for it.
    """
    x = np.asarray(values, dtype=float)
    if len(x) < LEAST_EPOCHS or not np.isfinite(x).all():
        return False
    steps = np.diff(x[len(x) // 2 :])
    fluctuation = float(np.sqrt(np.mean(np.square(steps)) / 2))
    return float(x[-1] - x.min()) > FLUCTUATION * fluctuation


def loss_rises(pairs: Sequence[LatePair], *, seed: int = 0, level: float = LEVEL) -> list[Rise]:
    """Rise of the mean validation loss of each trial."""
    return _rises([(p.best_losses, p.last_losses) for p in pairs], seed, level)


def error_rises(pairs: Sequence[LatePair], *, seed: int = 0, level: float = LEVEL) -> list[Rise]:
    """Rise of the validation error of each trial."""
    return _rises([(p.best_errors, p.last_errors) for p in pairs], seed, level)


def _rises(pairs: Sequence[tuple[Sequence[float], Sequence[float]]], seed: int, level: float) -> list[Rise]:
    """Trials with the same images share the resamples: one matrix product for some tens of them, as many as are held
    in memory at once."""
    rises: list[Rise] = []
    for start in range(0, len(pairs), AT_ONCE):
        several = pairs[start : start + AT_ONCE]
        arrays = [(np.asarray(best, dtype=float), np.asarray(last, dtype=float)) for best, last in several]
        found: dict[int, Rise] = {}
        for n in sorted({len(best) for best, _ in arrays}):
            rows = [i for i, (best, _) in enumerate(arrays) if len(best) == n]
            best, last = (np.array([arrays[i][k] for i in rows]) for k in (0, 1))
            found.update(zip(rows, _paired_bootstrap(best, last, seed, level), strict=True))
        rises += [found[i] for i in range(len(arrays))]
    return rises


@lru_cache(maxsize=2)
def _resamples(n: int, seed: int) -> Array:
    """[resamples, n] how often each of n images is drawn, as a share."""
    return np.asarray(np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n)


def _paired_bootstrap(best: Array, last: Array, seed: int, level: float) -> list[Rise]:
    """Percentile intervals of the mean difference over images; ``best`` and ``last`` are [T, n].

    A last loss that is not finite is an infinite rise; a best one that is not finite leaves it unknown.
    """
    weights = _resamples(best.shape[1], seed)
    difference = last - best
    usable: NDArray[np.bool_] = np.isfinite(difference.sum(axis=1))
    means = np.where(usable[:, None], difference, 0.0) @ weights.T
    low, high = np.quantile(means, [level / 2, 1 - level / 2], axis=1)
    found: list[Rise] = []
    for i, known in enumerate(usable):
        before = float(best[i].mean())
        if known:
            found.append(Rise(before, float(difference[i].mean()), float(low[i]), float(high[i])))
        else:
            rise = float("inf") if np.isfinite(best[i]).all() else float("nan")
            found.append(Rise(before, rise, rise, rise))
    return found
