"""The difference of two studies' best errors, with its interval.

Nets are chosen on one half of their study's validation images and judged on shared images of the other half, and the
other way round, so that no error is that of the images that chose it. What counts towards the interval: the images
(paired, whole groups), and the luck of a search with its seeds.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from fitscape.study.comparing.held_out import HeldOut
from fitscape.study.comparing.luck import luck_variance
from fitscape.study.opened import OpenStudy
from fitscape.study.records import ImageSet
from fitscape.study.regimes import estimate_reference, final_record, standard_draws

SAME_DESIGN: Final = 0.5  # share of configurations that both studies ran, from which they are one design

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BestErrors:
    """Expected errors of the best configuration of either study, and second less first with its interval."""

    first: float
    second: float
    low: float
    high: float
    level: float  # of the interval
    images: int  # behind each error; where unpaired, the smaller number
    paired: bool
    p: float  # of so large a difference where there is none

    @property
    def difference(self) -> float:
        return self.second - self.first

    @property
    def differs(self) -> bool:
        return self.p < 1 - self.level


def best_errors(first: OpenStudy, second: OpenStudy, images: HeldOut, level: float) -> BestErrors | None:
    """None where a study has no trial that ended with finite numbers."""
    studies = (first, second)
    if not all(any(final_record(t) for t in study.trials) for study in studies):
        return None
    one, other = ({t.config.group_id for t in study.trials if final_record(t)} for study in studies)
    apart = len(one & other) < SAME_DESIGN * min(len(one), len(other))
    luck = sum(luck_variance(study, another_design=apart) for study in studies)
    found = _paired(studies, images) if images.paired else None
    errors, variance, count = found or _unpaired(studies)
    sd = float(np.sqrt(variance + luck))
    difference, half = errors[1] - errors[0], float(norm.ppf(0.5 + level / 2)) * sd
    return BestErrors(
        first=errors[0],
        second=errors[1],
        low=difference - half,
        high=difference + half,
        level=level,
        images=count,
        paired=found is not None,
        p=float(2 * norm.sf(abs(difference) / sd)),
    )


Found = tuple[tuple[float, float], float, int]  # both errors, the variance of their difference, images


def _unpaired(studies: tuple[OpenStudy, OpenStudy]) -> Found:
    """Each study's reference, of its own images."""
    references = [estimate_reference(study.trials, overlap=study.config.data.overlap) for study in studies]
    sampled = [replace(one, seed_sd=0.0).draws(standard_draws(0)) for one in references]
    variance = sum(float(draws.var()) for draws in sampled)
    return (references[0].error, references[1].error), variance, min(one.images for one in references)


def _paired(studies: tuple[OpenStudy, OpenStudy], images: HeldOut) -> Found | None:
    """On the shared images; None where a study kept too few predictions to choose by."""
    first, second = studies
    sets = first.validation, second.validation
    assert sets[0] is not None
    assert sets[1] is not None
    halves = _halves(sets[0]), _halves(sets[1])
    # Copies of a group lie in one half of either study only if both know the groups; else images are their own.
    chosen = [_chosen(study, known, half) for study, known, half in zip(studies, sets, halves, strict=True)]
    a, b = chosen
    if a is None or b is None:
        return None
    rows_a, rows_b = images.rows
    # An image is judged by what was chosen without it, in either study.
    judge_a, judge_b = (~halves[0][rows_a]).astype(int), (~halves[1][rows_b]).astype(int)
    wrong = np.stack([a[rows_a, judge_a], b[rows_b, judge_b]])
    weights = _weights(sets[0].labels[rows_a], first.config.data.metric == "balanced_error")
    errors = wrong @ weights
    groups = sets[0].groups
    members = np.arange(len(rows_a)) if groups is None else np.unique(groups[rows_a], return_inverse=True)[1]
    gap = wrong[1] - wrong[0]
    residuals = np.bincount(members, weights=weights * (gap - gap @ weights))
    least = 1 / len(set(members)) ** 2  # one image, or group, that the nets would differ on
    variance = float((residuals**2).sum()) + least
    return (float(errors[0]), float(errors[1])), variance, len(rows_a)


def _halves(images: ImageSet) -> NDArray[np.bool_]:
    """[M] by a bit of the hash, so that an image is in the same half in every study; whole groups, by their first."""
    bits = (images.hashes & np.uint64(1)).astype(bool)
    if images.groups is None:
        return bits
    _, inverse = np.unique(images.groups, return_inverse=True)
    first = np.full(inverse.max() + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(first, inverse, images.hashes)
    return np.asarray((first[inverse] & np.uint64(1)).astype(bool))


def _chosen(study: OpenStudy, images: ImageSet | None, half: NDArray[np.bool_]) -> Array | None:
    """Per-image errors [M, 2], means over seeds, of the configurations that are best on either half."""
    assert images is not None
    groups: dict[str, list[Array]] = {}
    for trial in study.trials:
        said = study.ledger.predictions(trial.trial_id) if final_record(trial) else None
        if said is not None:
            groups.setdefault(trial.config.group_id, []).append((said.classes != images.labels).astype(float))
    if not groups or not half.any() or half.all():
        return None
    means = [np.mean(wrong, axis=0) for wrong in groups.values()]
    balanced = study.config.data.metric == "balanced_error"
    columns = []
    for part in (~half, half):
        weights = _weights(images.labels[part], balanced)
        columns.append(means[int(np.argmin([mean[part] @ weights for mean in means]))])
    return np.stack(columns, axis=1)


def _weights(labels: NDArray[np.uint16], balanced: bool) -> Array:
    """[M] that sum to 1: equal, or such that classes weigh alike."""
    if not balanced:
        return np.full(len(labels), 1 / len(labels))
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(1 / (counts[classes] * len(counts)))
