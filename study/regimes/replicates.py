"""Seed noise: how far replicates of one configuration lie apart, pooled over the study."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit, polygamma

from fitscape.study.records import EpochRecord, TrialRecord, TrialState
from fitscape.study.regimes.rule import (
    CONFLICT,
    PRIOR_CORRELATION,
    PRIOR_DF,
    PRIOR_TRAIN_SD,
    PRIOR_VAL_SD,
    Array,
    count,
    rate,
)

LARGEST_CORRELATION: Final = 0.95
COLLAPSED: Final = 2.0  # times the usual seed noise: a run further away says nothing about that noise


@dataclass(frozen=True, kw_only=True)
class SeedNoise:
    """Spread over seeds of the logit errors of one configuration, beyond the sampling of images."""

    train_sd: float = PRIOR_TRAIN_SD
    val_sd: float = PRIOR_VAL_SD
    correlation: float = PRIOR_CORRELATION
    df: int = 0  # degrees of freedom of the replicates behind it, prior apart
    overlap: float = 0.0  # ``DataConfig.overlap``: above 0, seeds are folds and their noise holds that of the split

    def of_mean(self, seeds: ArrayLike) -> Array:
        """Variance of a mean over ``seeds``, in units of one seed's.

        Nets of two folds share most of their training images, so that more folds do not average all of it out:
        1 / seeds + overlap (Nadeau and Bengio 2003, Machine Learning 52, section 3).
        """
        return np.asarray(1 / np.asarray(seeds, dtype=float) + self.overlap)

    def images_of_mean(self, images: ArrayLike, seeds: ArrayLike) -> Array:
        """Independent images that a mean over ``seeds`` rests on, of ``images`` behind each: the same ones without
        folds; with folds others in each, as far as there are folds."""
        n = np.asarray(images, dtype=float)
        if not self.overlap:
            return n
        return np.asarray(n / self.of_mean(np.minimum(seeds, 1 / self.overlap + 1)))


def final_record(trial: TrialRecord) -> EpochRecord | None:
    """The last record of a trial that ended with finite numbers, else None."""
    ended = trial.state is TrialState.FINISHED
    return trial.last if ended and trial.last is not None and finite(trial.last) else None


def finite(record: EpochRecord) -> bool:
    measured = (record.train_error, record.val_error, record.train_loss, record.val_loss)
    return bool(np.isfinite([number for number in measured if number is not None]).all())


def by_group(trials: Iterable[TrialRecord]) -> dict[str, list[EpochRecord]]:
    """Final records by configuration, seeds apart; in the order of group ids, seeds in order."""
    groups: dict[str, list[tuple[int, EpochRecord]]] = {}
    for trial in trials:
        if (record := final_record(trial)) is not None:
            groups.setdefault(trial.config.group_id, []).append((trial.config.seed, record))
    return {g: [r for _, r in sorted(groups[g], key=lambda pair: pair[0])] for g in sorted(groups)}


def pooled_seed_noise(groups: dict[str, list[EpochRecord]], overlap: float = 0.0) -> SeedNoise:
    """Covariance over seeds within configurations, shrunk towards the prior by degrees of freedom; ``overlap`` as in
    `SeedNoise`."""
    replicated = [records for records in groups.values() if len(records) > 1]
    df = sum(len(records) - 1 for records in replicated)
    train = [_logits([r.train_error for r in g], [r.train_n for r in g]) for g in replicated]
    val = [_logits([r.val_error for r in g], [r.val_n for r in g]) for g in replicated]
    train_variance, val_variance = between_seeds(train, train), between_seeds(val, val)
    scale = np.sqrt(train_variance * val_variance)
    correlation = PRIOR_CORRELATION
    if scale > 0:
        pooled = float(np.clip(between_seeds(train, val) / scale, -LARGEST_CORRELATION, LARGEST_CORRELATION))
        correlation = _shrunk(pooled, df, PRIOR_CORRELATION)
    return SeedNoise(
        train_sd=float(np.sqrt(_shrunk(train_variance, df, PRIOR_TRAIN_SD**2))),
        val_sd=float(np.sqrt(_shrunk(val_variance, df, PRIOR_VAL_SD**2))),
        correlation=correlation,
        df=df,
        overlap=overlap,
    )


def intact(groups: dict[str, list[EpochRecord]]) -> dict[str, list[EpochRecord]]:
    """Without runs that collapsed: one of them would make the noise of all others look tenfold."""
    usual = SeedNoise(train_sd=COLLAPSED * PRIOR_TRAIN_SD, val_sd=COLLAPSED * PRIOR_VAL_SD)
    return {
        group: [record for record, away in zip(records, apart(records, usual), strict=True) if not away]
        for group, records in groups.items()
    }


def apart(records: Sequence[EpochRecord], noise: SeedNoise) -> NDArray[np.bool_]:
    """[S] whether each run of a configuration lies further from the median of the others than seeds and images
    explain, in either error. Of two that differ nobody knows which one collapsed."""
    found = np.zeros(len(records), dtype=bool)
    if len(records) < 3:
        return found
    for error, n, seed_sd in (("train_error", "train_n", noise.train_sd), ("val_error", "val_n", noise.val_sd)):
        values, variances = _logits([getattr(r, error) for r in records], [getattr(r, n) for r in records])
        others = np.array([np.median(np.delete(values, i)) for i in range(len(values))])
        spread = np.sqrt((seed_sd**2 + variances) * (1 + 1 / (len(values) - 1)))
        found |= np.abs(values - others) > CONFLICT * spread
    return found


Replicates: TypeAlias = tuple[Array, Array]  # logit errors [S] and their sampling variances [S]


def between_seeds(x: Sequence[Replicates], y: Sequence[Replicates]) -> float:
    """Covariance over seeds of two logit errors, the sampling of images taken out; 0 without replicates.

    With ``x is y``, the variance: DerSimonian and Laird's moment estimator (1986) pooled over configurations.
    Precise logits count more, so that nets with a handful of errors, whose logits jump by sampling alone, do
    not inflate it. Training and validation images are others, so a covariance needs nothing taken out.
    """
    products = sampling = scale = 0.0
    for (a, a_variance), (b, b_variance) in zip(x, y, strict=True):
        w = 1 / np.sqrt(a_variance * b_variance)
        products += float(np.sum(w * (a - np.average(a, weights=w)) * (b - np.average(b, weights=w))))
        sampling += len(a) - 1 if x is y else 0
        scale += float(w.sum() - np.square(w).sum() / w.sum())
    covariance = (products - sampling) / scale if scale > 0 else 0.0
    return max(0.0, covariance) if x is y else covariance


def sampling_variance(error: Sequence[float] | float, n: Sequence[int] | int) -> Array:
    """Variance of the logit of a Jeffreys beta posterior, exact."""
    k = count(error, n)
    return np.asarray(polygamma(1, k + 0.5) + polygamma(1, np.asarray(n) - k + 0.5))


def _logits(errors: Sequence[float], images: Sequence[int]) -> Replicates:
    return np.asarray(logit(rate(errors, images))), sampling_variance(errors, images)


def _shrunk(estimate: float, df: int, prior: float) -> float:
    return (PRIOR_DF * prior + df * estimate) / (PRIOR_DF + df)
