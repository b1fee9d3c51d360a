"""Where the next trial says most about the regimes: targeted integrated error, and a straddle.

References: Picheny et al. 2010 (targeted IMSE); Bryan et al. 2005 (straddle); Chevalier et al. 2014 (stepwise
uncertainty reduction). Here the targets are not one level but the whole decision list: a field matters where,
and as much as, the probabilities of the regimes would move with it.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from fitscape.study.maps.error_models import ErrorPrediction
from fitscape.study.search.regime_sampler_belief import FieldView, SamplerBelief

Array = NDArray[np.float64]

STEP = 0.1  # finite difference of the regime probabilities, in standard deviations of the field
RELEVANT = 0.25  # probability from which a boundary may draw the straddle


def targeted(belief: SamplerBelief, views: tuple[FieldView, FieldView, FieldView], beliefs: ErrorPrediction) -> Array:
    """[candidates] expected fall of the map's Brier score over the space, to first order.

    Observing x moves the mean of a field at z by a normal step of variance red(z, x); the Brier score that is
    expected there falls by the variance of the regime probabilities, (dP / dmean)^2 red.
    """
    val, train, divergence = views
    split = belief.split
    near = ErrorPrediction(*(getattr(beliefs, name)[:split] for name in ErrorPrediction.__dataclass_fields__))

    def moved(field: str) -> Callable[[float], Array]:
        mean, sd = getattr(near, f"{field}_mean"), getattr(near, f"{field}_sd")
        return lambda a: _sought(replace(near, **{f"{field}_mean": mean + a * sd}).probabilities(belief.cuts))

    def moved_cliff(a: float) -> Array:
        mean, variance = divergence.mean[:split], divergence.variance[:split]
        p = belief.fields.divergence.probability(mean + a * np.sqrt(variance), variance)
        return _sought(replace(near, p_diverged=p).probabilities(belief.cuts))

    measurable = 1 - beliefs.p_diverged[split:]
    score = measurable * (_fall(val, moved("val")) + _fall(train, moved("train")))
    if belief.fields.divergence.any:
        score += _fall(divergence, moved_cliff)
    return score


def _sought(probabilities: Array) -> Array:
    """[m, 4]: diverged and untrained as one. Both led nowhere, and no trial is spent on telling them apart."""
    return np.column_stack([probabilities[:, :2].sum(1), probabilities[:, 2:]])


def _fall(view: FieldView, probabilities: Callable[[float], Array]) -> Array:
    """[candidates] summed over the integration points, of one field; its mean moved by so many sds."""
    slope = (probabilities(STEP) - probabilities(-STEP)) / (2 * STEP)
    weight = (slope**2).sum(1) / view.variance[: len(slope)]
    return (weight @ view.cross**2) * view.information


def straddle(belief: SamplerBelief, views: tuple[FieldView, FieldView, FieldView], beliefs: ErrorPrediction) -> Array:
    """[candidates] largest ambiguity about a relevant boundary: 1.96 sd less the distance to it, in prior sds."""
    cuts, split = belief.cuts, belief.split
    divergence = views[2]
    val_mean, val_sd = beliefs.val_mean[split:], beliefs.val_sd[split:]
    train_mean, train_sd = beliefs.train_mean[split:], beliefs.train_sd[split:]
    half = cuts.z_half(val_mean)
    slope = (cuts.z_half(val_mean + 0.05) - cuts.z_half(val_mean - 0.05)) / 0.1
    measurable = 1 - beliefs.p_diverged[split:]
    learned = measurable * ndtr((cuts.z_untrained - train_mean) / train_sd)
    not_good = learned * ndtr((val_mean - cuts.z_good) / val_sd)
    val_scale, train_scale = belief.fields.val.scale, belief.fields.train.scale
    margins = [
        (val_mean - cuts.z_good, val_sd, val_scale, learned),
        (train_mean - half, np.hypot(train_sd, slope * val_sd), np.hypot(train_scale, val_scale), not_good),
        (train_mean - cuts.z_untrained, train_sd, train_scale, measurable),
    ]
    if belief.fields.divergence.any:
        sd = np.sqrt(divergence.variance[split:])
        margins.append((divergence.mean[split:], sd, 10.0, np.ones_like(sd)))
    scores = [
        np.where(relevance >= RELEVANT, (1.96 * sd - np.abs(margin)) / scale, -np.inf)
        for margin, sd, scale, relevance in margins
    ]
    return np.max(scores, axis=0)
