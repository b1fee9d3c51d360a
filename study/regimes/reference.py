"""The best validation error of a study, estimated without the winner's curse."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from fitscape.study.measures.wording import percent
from fitscape.study.records import EpochRecord, TrialRecord
from fitscape.study.regimes.draws import StandardDraws, standard_draws
from fitscape.study.regimes.replicates import SeedNoise, by_group, pooled_seed_noise, sampling_variance
from fitscape.study.regimes.rule import Array, rate


@dataclass(frozen=True, kw_only=True)
class Reference:
    """E_ref on clean labels, and what it rests on. ``images`` 0: given by the user, taken as exact."""

    error: float
    images: int = 0  # of validation half B; with folds, as many as the mean over seeds rests on
    seeds: int = 0
    seed_sd: float = 0.0  # logit, of one seed
    overlap: float = 0.0  # `SeedNoise`'s
    group_id: str = ""  # the configuration that was best on half A

    def draws(self, standard: StandardDraws) -> Array:
        """Draws [R] of the reference error: sampling of half B's images and of the seeds."""
        if self.images == 0:
            return np.full(standard.reference_seed.shape, self.error)
        errors = self.error * (self.images + 1) - 0.5
        sampled = standard.reference.logits(np.array([errors]), np.array([float(self.images)]))[0]
        of_mean = SeedNoise(overlap=self.overlap).of_mean(self.seeds)
        return np.asarray(expit(sampled + standard.reference_seed * self.seed_sd * np.sqrt(of_mean)))


def estimate_reference(
    trials: Iterable[TrialRecord],
    *,
    given: float | None = None,
    noise: SeedNoise | None = None,
    overlap: float = 0.0,
) -> Reference:
    """The lowest validation error that a configuration of the study reaches.

    The configuration is chosen on validation half A by its mean logit error plus one standard error (so that
    one lucky seed does not beat three steady ones), and its error is estimated on half B alone. Only last epochs
    count. Label noise needs no care here: validation labels are clean.

    Args:
        trials: any records; those that ended with finite numbers count.
        given: the user's own level (human, Bayes, a published number); taken as exact.
        noise: pooled seed noise; None: estimated from the same trials.
        overlap: of that estimate, `SeedNoise`'s.

    Raises:
        ValueError: no trial ended with finite numbers and none was given.
    """
    if given is not None:
        return Reference(error=given)
    groups = by_group(trials)
    if not groups:
        raise ValueError("no reference error: no trial has ended with finite numbers")
    noise = noise or pooled_seed_noise(groups, overlap)
    best = min(groups, key=lambda g: _pessimistic(groups[g], noise))
    records = groups[best]
    images = [r.halves[1] for r in records]
    return Reference(
        error=float(expit(logit(rate([r.val_error_b for r in records], images)).mean())),
        images=max(1, int(noise.images_of_mean(min(images), len(records)))),
        seeds=len(records),
        seed_sd=noise.val_sd,
        overlap=noise.overlap,
        group_id=best,
    )


def measured_reference(records: Sequence[EpochRecord], noise: SeedNoise) -> Reference:
    """The mean error of one configuration's runs over all of their validation images, which nothing was chosen by.

    Args:
        records: last ones, finite, of one configuration.
        noise: `pooled_seed_noise` of the study, as one run says nothing of other seeds.
    """
    images = int(noise.images_of_mean(min(r.val_n for r in records), len(records)))
    mean = np.mean([r.val_error for r in records])
    return Reference(
        error=float(rate([mean], [images])[0]),
        images=images,
        seeds=len(records),
        seed_sd=noise.val_sd,
        overlap=noise.overlap,
    )


def beyond_guessing(
    trials: Iterable[TrialRecord], chance_error: float, overlap: float = 0.0
) -> tuple[Reference, float] | None:
    """The best configuration's error and the probability that it lies below that of guessing.

    A study in which that is not sure is no better than guessing. None: no trial ended with finite numbers.
    """
    trials = list(trials)
    if not by_group(trials):
        return None
    best = estimate_reference(trials, overlap=overlap)
    return best, float((best.draws(standard_draws(0)) < chance_error).mean())


@dataclass(frozen=True)
class Guessing:
    """The best configuration of a study that is no better than guessing."""

    error: float
    low: float  # 90 % interval
    high: float
    chance: float
    probability: float  # that it is below chance

    @property
    def sentence(self) -> str:
        """The verdict with its numbers."""
        best, low, high, guessed = map(percent, (self.error, self.low, self.high, self.chance))
        found = f"the best has an error of {best} ({low} to {high}), guessing {guessed}"
        return f"no better than guessing: no configuration is surely below chance; {found}"


def guessing(
    trials: Iterable[TrialRecord], chance_error: float, confidence: float, overlap: float = 0.0
) -> Guessing | None:
    """The verdict that a study is no better than guessing; None where its best configuration is surely below chance."""
    found = beyond_guessing(trials, chance_error, overlap)
    if found is None or found[1] >= confidence:
        return None
    best, probability = found
    low, high = np.quantile(best.draws(standard_draws(0)), [0.05, 0.95])
    return Guessing(best.error, float(low), float(high), chance_error, probability)


def _pessimistic(records: list[EpochRecord], noise: SeedNoise) -> float:
    """Mean logit error on half A plus one standard error; the images are common to all seeds, but with folds."""
    errors, images = zip(*map(_for_choosing, records), strict=True)
    seeds = len(records)
    sampling = float(np.mean(sampling_variance(errors, images))) / float(noise.images_of_mean(1, seeds))
    return float(logit(rate(errors, images)).mean() + np.sqrt(sampling + noise.val_sd**2 * noise.of_mean(seeds)))


def _for_choosing(record: EpochRecord) -> tuple[float, int]:
    """Error and images of half A. 0.1.0 could leave it empty: then those of all validation images."""
    if np.isfinite(record.val_error_a):
        return record.val_error_a, record.halves[0]
    return record.val_error, record.val_n
