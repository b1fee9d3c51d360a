"""One joint posterior: error fields, their hyperparameters, the reference, and what the one validation set adds to all.

Every draw is a world: two fields over the whole space, the best error among the configurations that were tried, and
the shift that the validation images give every trial alike. Where the reference is a value of the same field, the
shift moves both and mostly cancels; where it was given, it does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from fitscape.study.maps.chosen import CHOSEN, Luck
from fitscape.study.maps.decision import REACH, REGIMES, Cuts
from fitscape.study.maps.error_models import ErrorPrediction, Fields
from fitscape.study.maps.field_belief import FieldBelief
from fitscape.study.maps.gp import GaussianProcess
from fitscape.study.maps.hyperparameter_draws import draw_hypers
from fitscape.study.maps.inducing import InducingProcess
from fitscape.study.maps.kernel import Hyper
from fitscape.study.maps.one_thread import one_thread
from fitscape.study.regimes.rule import PRIOR_TRAIN_SD, PRIOR_VAL_SD, Scale, regimes

Array = NDArray[np.float64]

COMPONENTS: Final = 12  # hyperparameters drawn; fewer of many trials, which know them better and cost more each
MOST_ROWS: Final = 3600  # trials times components
LEAST_COMPONENTS: Final = 3
REFERENCE_DRAWS: Final = 480
BEST_DRAWS: Final = 200  # worlds in which a component looks for the best
FEW: Final = 300  # configurations of which those count that are never the best, so that draws stay what they were
MOST_TRIED: Final = 512  # configurations among which it looks, where the process is not exact
MOST_SHARED: Final = 0.95  # of a point's variance that the reference may explain
COMMON: Final = 0.5  # share of the variance of sampling images that all nets have in common: they fail on the same ones


@dataclass(frozen=True, eq=False)
class Component:
    """Both fields, and one draw of the reference."""

    val: FieldBelief
    train: FieldBelief
    best: Array | None  # [p] chance of each point of the pool to be the best of a world; None: the reference is given
    reference: float  # z of the reference in this component
    expected: float  # its mean and variance under these hyperparameters
    variance: float


@dataclass(frozen=True)
class Worlds:
    """Joint draws at m points."""

    val: Array  # [D, m] true validation error, on clean labels
    train: Array  # [D, m]
    p_diverged: Array  # [D, m]
    reference: Array  # [D]

    def regimes(self, cuts: Cuts) -> Array:
        """[D, m, 5] probabilities in the order of REGIMES; certain but for divergence."""
        scale = Scale(cuts.chance, self.reference[:, None], classes=cuts.classes)
        skills = scale.val_skill(self.train), scale.val_skill(self.val)
        codes = regimes(*skills, tau=cuts.tau, untrained=cuts.untrained)
        one_hot = (codes[..., None] == np.arange(len(REGIMES))) * (1 - self.p_diverged[..., None])
        one_hot[..., REGIMES.index("diverged")] += self.p_diverged
        return np.asarray(one_hot)


def probabilities(beliefs: Sequence[tuple[Cuts, ErrorPrediction]], tau: float) -> Array:
    """[m, 5] in the order of REGIMES, of beliefs that :meth:`Posterior.predict` gave."""
    return np.asarray(np.mean([one.probabilities(replace(cuts, tau=tau)) for cuts, one in beliefs], axis=0))


class Posterior:
    """Draws of what a study does not know.

    Args:
        fields: as fitted, at the hyperparameters' mode.
        given: the reference is the user's and exact.
        images: of the one validation set; 0: no sampling of images is known.
    """

    def __init__(self, fields: Fields, *, given: bool, images: float, seed: int = 0) -> None:
        self.fields, self.images, self.seed = fields, images, seed
        # [p, features] those that ended with finite errors, and which of them each run is of
        self.configurations, rows = np.unique(fields.val.x, axis=0, return_inverse=True)
        self.rows = rows.ravel()
        self.given = given or not len(self.configurations)
        self._latest: dict[str, tuple[Array, list[tuple[Array, Array]]]] = {}

    @cached_property
    @one_thread
    def tried(self) -> Array:
        """[p, features] configurations that may be the best.

        The reference is the mean true error of those that may be it, each as often as it is the best in draws: where
        nothing was run a field may dip as low as its prior lets it, and the lowest of many equals is lower than all of
        them. Of many the lowest by what they may have at best: draws of all are dear.
        """
        if not isinstance(self.fields.val, InducingProcess):
            return self.configurations
        mean, sd = self.fields.val.predict(self.configurations)
        return self.configurations[np.sort(np.argsort(mean - REACH * sd, kind="stable")[:MOST_TRIED])]

    @cached_property
    @one_thread
    def _drawn(self) -> tuple[list[Hyper], np.random.Generator]:
        """The validation field's hyperparameters, one draw a component, and what all others are drawn with."""
        rng = np.random.default_rng([self.seed, 1])
        count = max(LEAST_COMPONENTS, min(COMPONENTS, MOST_ROWS // max(self.fields.val.n, 1)))
        return draw_hypers(self.fields.val, count, rng), rng

    @cached_property
    def val_processes(self) -> list[GaussianProcess]:
        """The validation field of each component: no other field has to be fitted for it."""
        return [self.fields.val.under(hyper) for hyper in self._drawn[0]]

    @cached_property
    def val(self) -> list[FieldBelief]:
        """What each component believes of the validation field; as ``val_processes``."""
        return [FieldBelief.of(gp, self.rows, PRIOR_VAL_SD) for gp in self.val_processes]

    @cached_property
    @one_thread
    def components(self) -> list[Component]:
        _, rng = self._drawn
        count = len(self.val)
        train = draw_hypers(self.fields.train, count, rng)
        # One quantile of the reference a component, in random order: a small sample that is spread like a large one.
        levels = (rng.permutation(count) + 0.5) / count
        return [
            self._component(val, FieldBelief.of(self.fields.train.under(hyper), self.rows, PRIOR_TRAIN_SD), level, rng)
            for val, hyper, level in zip(self.val, train, levels, strict=True)
        ]

    def _component(self, val: FieldBelief, train: FieldBelief, level: float, rng: np.random.Generator) -> Component:
        cuts = self.fields.cuts
        if self.given:
            return Component(val, train, None, float(cuts.z(cuts.reference)), 0.0, 0.0)
        lowest = val.gp.sample(self.tried, BEST_DRAWS, rng).argmin(axis=1)
        best = np.bincount(lowest, minlength=len(self.tried)) / BEST_DRAWS
        mean, _ = val.gp.predict(self.tried)
        expected, variance = float(mean @ best), float(val.gp.posterior_covariance(self.tried, self.tried, best) @ best)
        reference = expected + float(ndtri(level)) * np.sqrt(max(variance, 0.0))
        return Component(val, train, best, reference, expected, variance)

    @one_thread
    def predict(self, features: Array) -> list[tuple[Cuts, ErrorPrediction]]:
        """Beliefs at points [m, features] in each component, given its reference, and the law with that reference."""
        p_diverged, found = self.fields.p_diverged(features), []
        val_beliefs, train_beliefs = self._beliefs(features, "val", again=True), self._beliefs(features, "train")
        for one, val, train in zip(self.components, val_beliefs, train_beliefs, strict=True):
            told = ErrorPrediction(*self.given_reference(one, features, *val), *train, p_diverged)
            found.append((self.law(one), told))
        return found

    def _beliefs(
        self, features: Array, of: Literal["val", "train"], *, again: bool = False
    ) -> list[tuple[Array, Array]]:
        """Mean and standard deviation at points [m, features] in each component.

        The latest are kept: who asks for probabilities often asks for errors at the same points.
        """
        last, found = self._latest.get(of, (np.empty(0), []))
        if not np.array_equal(last, features):
            found = [getattr(one, of).predict(features, again=again) for one in self.components]
            self._latest[of] = features.copy(), found
        return found

    @one_thread
    def given_reference(self, one: Component, features: Array, mean: Array, sd: Array) -> tuple[Array, Array]:
        """A belief [m] about the validation z at points [m, features], given the component's reference.

        A point that may itself be the best moves with the reference. Where that was given, the shift that all trials
        share does not cancel and is added.
        """
        if one.best is None:
            return mean, np.hypot(sd, self._common_sd(mean))
        variance = max(one.variance, 1e-6)
        shared = one.val.gp.posterior_covariance(features, self.tried, one.best)
        limit = np.sqrt(MOST_SHARED * variance) * sd
        shared = np.clip(shared, -limit, limit)
        return mean + shared / variance * (one.reference - one.expected), np.sqrt(sd**2 - shared**2 / variance)

    def law(self, one: Component) -> Cuts:
        """The law with the component's reference."""
        cuts = self.fields.cuts
        if one.best is None:
            return cuts
        return cuts.referred(min(float(cuts.error(np.array(one.reference))), 0.95 * float(cuts.chance)))

    def error(self, features: Array, of: Literal["val", "train"] = "val") -> tuple[Array, Array]:
        """Mean and standard deviation [m] of the z of new nets' expectation, all that is unknown counted.

        Only the validation error has a shift that all trials share.
        """
        parts = self._beliefs(features, of)
        means, variances = np.array([m for m, _ in parts]), np.array([sd**2 for _, sd in parts])
        mean = means.mean(axis=0)
        common = self._common_sd(mean) if of == "val" else np.zeros_like(mean)
        return mean, np.sqrt(variances.mean(axis=0) + means.var(axis=0) + common**2)

    @one_thread
    def flattery(self, features: Array) -> Array:
        """[m] By how much validation z lies above what is predicted at points [m, features] that were chosen for their
        low predictions."""
        variance = np.mean([sd**2 for _, sd in self._beliefs(features, "val")], axis=0)
        without = variance.copy()
        for point, configuration in np.argwhere((features[:, None] == self.configurations).all(axis=2)):
            run = np.flatnonzero(self.rows == configuration)[0]
            without[point] = np.mean([one.val.without[1][run] for one in self.components])
        return self._luck.left(variance, np.maximum(without, variance))

    @cached_property
    def _luck(self) -> Luck:
        enough = len(self.configurations) > CHOSEN
        return Luck.of([one.val for one in self.components], self.rows) if enough else Luck()

    def _common_sd(self, z: Array) -> Array:
        """Standard deviation at each validation z of the shift that all trials share."""
        if not self.images:
            return np.zeros_like(z)
        cuts = self.fields.cuts
        error = np.clip(cuts.error(z), 0.5 / self.images, 1 - 0.5 / self.images)
        return np.asarray(cuts.slope(error) * np.sqrt(COMMON / (error * (1 - error) * self.images)))

    def shifted(self, error: Array, deviation: float) -> Array:
        """True validation errors if luck in the one validation set lowered what was measured by so many deviations."""
        z = self.fields.cuts.z(error)
        return self.fields.cuts.error(z + deviation * self._common_sd(z))

    @one_thread
    def draw(self, features: Array, draws: int) -> Worlds:
        """Joint draws at points [m, features]; as many of each component as fit into ``draws``."""
        cuts, m = self.fields.cuts, len(features)
        rng = np.random.default_rng([self.seed, 2])
        each = max(1, round(draws / len(self.components)))
        val, train, reference = [], [], []
        for one in self.components:
            seen = self._drawn_with(one)
            z = one.val.draw(np.concatenate([features, self.tried[seen]]), each, rng)
            z -= rng.standard_normal((each, 1)) * self._common_sd(z)
            val.append(cuts.error(z[:, :m]))
            train.append(cuts.error(one.train.draw(features, each, rng)))
            best = np.full(each, cuts.reference) if one.best is None else cuts.error(z[:, m:] @ one.best[seen])
            reference.append(np.minimum(best, 0.95 * cuts.chance))
        total = each * len(self.components)
        p_diverged = self.fields.divergence.sample_probability(features, total, rng)
        return Worlds(np.concatenate(val), np.concatenate(train), np.asarray(p_diverged), np.concatenate(reference))

    def _drawn_with(self, one: Component) -> NDArray[np.intp]:
        """The configurations tried that worlds are drawn with: of many, those alone that may be the best."""
        if one.best is None:
            return np.empty(0, dtype=np.intp)
        return np.arange(len(one.best)) if len(one.best) <= FEW else np.flatnonzero(one.best)

    def mean_fall(self, before: Array, after: Array, draws: int) -> Array:
        """[D] draws of the mean fall of the validation z from points [m, features] to others, pairwise."""
        rng = np.random.default_rng([self.seed, 3])
        m, each = len(before), max(1, round(draws / len(self.components)))
        worlds = [one.val.draw(np.concatenate([before, after]), each, rng) for one in self.components]
        return np.concatenate([(z[:, :m] - z[:, m:]).mean(axis=1) for z in worlds])

    @cached_property
    def reference(self) -> Array:
        """Draws [D] of the reference error."""
        return self.draw(self.fields.val.x[:1], REFERENCE_DRAWS).reference
