"""What a validation part cannot decide, however well its nets are trained: said before a trial is run."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from fitscape.study.config import DataConfig, Metric
from fitscape.study.data.datasets.source import Counts
from fitscape.study.data.given_split import SplitPart
from fitscape.study.measures.errors import PRIOR_CORRELATION

QUANTILE: Final = 1.645  # of a 90 % interval
WIDE: Final = 0.2  # half a class's interval from which its error says little
LIKELY: Final = 0.1  # the overall error that is asked about
NAMED: Final = 3
UNEVEN: Final = 10  # times as many images of one class as of another, from which an error says little of the rare one


def before_decoding(config: DataConfig, found: Counts, tau: float) -> list[str]:
    """`undecidable` of the validation part that a user's own images will give, as far as their number tells."""
    labels, groups, share = found.labels, found.groups, 1.0
    if found.parts is not None and (found.parts == SplitPart.VALIDATION).any():
        chosen = found.parts == SplitPart.VALIDATION
    else:
        chosen = np.full(len(labels), True) if found.parts is None else found.parts != SplitPart.TEST
        own_test = found.parts is not None and (found.parts == SplitPart.TEST).any()
        share = 1 / config.folds if config.folds else config.validation_fraction
        share *= 1.0 if own_test else 1 - config.test_fraction
    images = np.bincount(labels[chosen], minlength=len(found.classes)) * share
    count = None if groups is None else max(1, round(len(np.unique(groups[chosen])) * share))
    return undecidable(found.classes, np.round(images), metric=config.metric, tau=tau, groups=count)


def imbalance(found: Counts) -> str:
    """A sentence where the error of all images hides how a rare class fares; else empty."""
    images = np.bincount(found.labels, minlength=len(found.classes))
    most, least = int(images.argmax()), int(np.where(images > 0, images, images.max()).argmin())
    if images[most] < UNEVEN * images[least]:
        return ""
    return (
        f"class {found.classes[most]} has {images[most]:,} images and class {found.classes[least]} has "
        f"{images[least]:,}: a net that never names the rare one still has a low error"
    )


def undecidable(
    classes: Sequence[str],
    counts: ArrayLike,
    *,
    metric: Metric,
    tau: float,
    groups: int | None = None,
) -> list[str]:
    """Sentences; none where validation decides what it is asked.

    Args:
        counts: validation images of each class [K].
        tau: the study's, in the unit of the way from the best error to chance.
        groups: in validation, where there are such; their images are taken to be as alike as frames of one part.
    """
    images = np.asarray(counts, dtype=float)
    if not images.any():
        return []  # what preparing the data refuses, with a reason
    there = images > 0
    inflation = 1.0 if not groups else 1 + PRIOR_CORRELATION * max(0.0, images.sum() / groups - 1)
    known = images[there] / inflation
    if metric == "balanced_error":
        total, chance = len(known) ** 2 / float((1 / known).sum()), 1 - 1 / len(known)
    else:
        total, chance = float(known.sum()), 1 - float(images.max() / images.sum())
    said = []
    half = QUANTILE * float(np.sqrt(LIKELY * (1 - LIKELY) / total))
    if half > tau * chance:
        of = f" from {groups} groups" if groups else ""
        said.append(
            f"{images.sum():.0f} validation images{of} measure an error of {LIKELY:g} to +-{half:.2f}, and a good "
            f"net may be {tau * chance:.2f} above the best: many labels will be undecided"
        )
    if metric == "balanced_error":
        halves = np.minimum(QUANTILE * np.sqrt(0.25 / known), 1)
        names = [str(name) for name, image in zip(classes, images, strict=True) if image]
        rare = [(h, n, name) for h, n, name in zip(halves, images[there], names, strict=True) if h > WIDE]
        rare.sort(reverse=True)
        shown = [f"{n:.0f} images of class {name}: its error is known to +-{h:.2f}" for h, n, name in rare[:NAMED]]
        if rare[NAMED:]:
            shown.append(f"and {len(rare) - NAMED} more classes")
        said += ["; ".join(shown)] if shown else []
    return said
