"""The map: probability of each regime at every point of a search space, learned from finished trials."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

from fitscape.study.maps.boundary import BoundarySet, trace
from fitscape.study.maps.decision import REGIMES, Cuts
from fitscape.study.maps.encoding import Encoder
from fitscape.study.maps.error_models import Fields, Outcomes, Prediction, observed_z

Array = NDArray[np.float64]

OPTIONAL = ("train_n", "val_n", "flip_rate")  # columns that are 0 where absent


class Thresholds(Protocol):
    """What the map needs of :class:`study.config.RegimeThresholds`."""

    @property
    def tau(self) -> float: ...
    @property
    def untrained(self) -> float: ...
    @property
    def confidence(self) -> float: ...


class RegimeMap:
    """Regimes over a search space, from trials anywhere in it.

    Continuous errors are modelled, never labels (fields.py), so another ``tau`` needs no refit. Points sampled
    near boundaries are no population: use :meth:`share`, which integrates over the space, never trial counts.

    Args:
        space: hyperparameter -> Optuna distribution.
        thresholds: tau, untrained, confidence.
        chance_error: error of always answering the most frequent class of validation.
        reference_error: best reachable validation error, on clean labels.
        classes: of the data set, for training errors against noisy labels. None: balanced classes.

    Raises:
        ValueError: an error rate outside of 0 to 1, or a chance error of 0 or 1.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        thresholds: Thresholds,
        *,
        chance_error: float,
        reference_error: float,
        classes: int | None = None,
        seed: int = 0,
    ) -> None:
        self.encoder = Encoder(space)
        self.thresholds = thresholds
        self.cuts = Cuts(chance_error, reference_error, thresholds.tau, thresholds.untrained, classes=classes)
        self.seed = seed
        self._fields: Fields | None = None

    def fit(self, table: pd.DataFrame, *, warm: "RegimeMap | None" = None) -> Self:
        """Fit on a table of finished trials, or of their epochs.

        Rows that share a ``trial_id`` are epochs of one run: what its seed did to all of them is a random effect
        of that run. Put ``epoch`` into the space (a log axis) and thin the curves (:func:`study.maps.epochs.thin`);
        only under a constant learning rate is epoch t of a longer run a run of t epochs.

        Args:
            table: a column a hyperparameter, ``train_error``, ``val_error``, ``diverged``; optional ``train_n``,
                ``val_n`` (images behind the errors), ``flip_rate`` (realised share of flipped training
                labels), ``trial_id`` (else rows are counted from 0).
            warm: an earlier map of the same space whose hyperparameters are the starting point.

        Raises:
            ValueError: no rows, a column is missing, or a finite error is outside 0 to 1.
        """
        features, outcomes = self.encoder.features(table), outcomes_of(table)
        self.evidence = table["trial_id"].to_numpy() if "trial_id" in table else np.arange(len(table))
        self._features, self._outcomes = features, outcomes
        start = warm.fields.hypers if warm is not None else None
        runs = pd.factorize(self.evidence)[0]
        groups = runs if len(set(runs)) < len(runs) else None  # plain trials: no run has two rows
        self._fields = Fields(self.cuts, features, outcomes, start, groups)
        self._fields.optimize(steps=15 if warm is not None else 60, seed=self.seed)
        return self

    @property
    def fields(self) -> Fields:
        if self._fields is None:
            raise ValueError("the map is not fitted: call fit with a table of trials first")
        return self._fields

    def predict(self, points: pd.DataFrame, tau: float | None = None) -> pd.DataFrame:
        """A row a point: probabilities ``diverged`` (with untrained), ``good``, ``overfit``, ``underfit``; the
        likeliest ``regime`` and its ``probability``; ``undecided`` where that is below the confidence; and the
        median ``train_error`` and ``val_error`` on clean labels, of a run that does not diverge.
        """
        beliefs = self.fields.predict(self.encoder.features(points))
        return self._table(beliefs, self._cuts(tau)).set_index(points.index)

    def _table(self, beliefs: Prediction, cuts: Cuts) -> pd.DataFrame:
        p = beliefs.probabilities(cuts)
        best = p.argmax(1)
        return pd.DataFrame(p, columns=list(REGIMES)).assign(
            regime=np.array(REGIMES)[best],
            probability=p.max(1),
            undecided=p.max(1) < self.thresholds.confidence,
            train_error=cuts.error(beliefs.train_mean),
            val_error=cuts.error(beliefs.val_mean),
        )

    def _cuts(self, tau: float | None) -> Cuts:
        return self.cuts if tau is None else replace(self.cuts, tau=tau)

    def nearest(self, point: Mapping[str, Any], k: int = 5) -> list[Any]:
        """Ids of the k trials that say most about ``point``: nearest in units of the fitted length scales."""
        scales = np.exp(self.fields.val.hyper.scales)
        here = self.encoder.features(pd.DataFrame([dict(point)]))
        distance = (((self._features - here) / scales) ** 2).sum(1)
        ids = [self.evidence[i] for i in np.argsort(distance, kind="stable")]
        return list(dict.fromkeys(ids))[:k]

    def share(
        self,
        tau: float | None = None,
        *,
        given: Mapping[str, Any] | None = None,
        points: int = 512,
        draws: int = 200,
    ) -> pd.DataFrame:
        """Share of the space that each regime takes, by the space's own measure (log where a hyperparameter is log).

        Of the whole space, or of the part of it where the hyperparameters in ``given`` have those values.

        Rows REGIMES; columns ``share`` (posterior mean), ``low`` and ``high`` (90 % interval over joint draws
        of the fields, so that errors which neighbours have in common do not average out).
        """
        cuts, fields = self._cuts(tau), self.fields
        unit = self.encoder.sobol(points, self.seed)
        frame = self.encoder.from_unit(unit)
        frame = frame.assign(**{name: pd.Series([v] * points, dtype=object) for name, v in (given or {}).items()})
        features = self.encoder.features(frame)
        rng = np.random.default_rng(self.seed)
        val, train = fields.val.sample(features, draws, rng), fields.train.sample(features, draws, rng)
        labels = cuts.labels(cuts.error(train), cuts.error(val))
        broken = labels == "diverged"  # untrained, which the errors tell by themselves
        p_diverged = fields.divergence.sample_probability(features, draws, rng)
        trained = [((labels == regime) * (1 - p_diverged)).mean(1) for regime in REGIMES[1:]]
        shares = np.stack([np.where(broken, 1.0, p_diverged).mean(1), *trained])
        low, high = np.quantile(shares, [0.05, 0.95], axis=1)
        mean = fields.predict(features).probabilities(cuts).mean(0)
        return pd.DataFrame({"share": mean, "low": low, "high": high}, index=pd.Index(REGIMES, name="regime"))

    def undecided_area(self, tau: float | None = None, *, points: int = 1024) -> float:
        """Share of the space where no regime reaches the confidence."""
        unit = self.encoder.sobol(points, self.seed)
        return float(self.predict(self.encoder.from_unit(unit), tau)["undecided"].mean())

    def boundary(
        self, x: str, y: str, fixed: Mapping[str, Any], tau: float | None = None, *, resolution: int = 81
    ) -> BoundarySet:
        """Regime boundaries in the plane of two hyperparameters, the others held at ``fixed``.

        The line of a regime is where its probability is one half, its band from one tenth to nine tenths; the
        error that one fixed validation set gives all trials in common widens the band.

        Raises:
            ValueError: a hyperparameter of the space is neither x, y nor in ``fixed``, or x or y is not numeric.
        """
        axes = [self.encoder.grid(name, resolution) for name in (x, y)]
        missing = set(self.encoder.names) - {x, y} - fixed.keys()
        if missing:
            raise ValueError(f"{min(missing)}: hold this hyperparameter at a value")
        grid_x, grid_y = np.meshgrid(*axes)
        points = pd.DataFrame({x: grid_x.ravel(), y: grid_y.ravel(), **fixed})
        beliefs = self.fields.predict(self.encoder.features(points)).widened(self.common_sd(tau))
        p = beliefs.probabilities(self._cuts(tau)).reshape(*grid_x.shape, len(REGIMES))
        return trace(x, y, axes[0], axes[1], p)

    def common_sd(self, tau: float | None = None) -> float:
        """Standard deviation of z that the one validation set gives every trial, at the good threshold."""
        sizes = self._outcomes.val_n[self._outcomes.val_n > 0]
        if not len(sizes):
            return 0.0
        threshold = np.array([self.cuts.at_skill(self._cuts(tau).tau)])
        return float(np.sqrt(observed_z(self.cuts, threshold, np.array([np.median(sizes)]))[1][0]))


def outcomes_of(table: pd.DataFrame) -> Outcomes:
    """The outcome columns of a table of trials (see :meth:`RegimeMap.fit`), checked.

    A non-finite error is a divergence.
    """
    if not len(table):
        raise ValueError("a map needs at least one finished trial")
    for column in ("train_error", "val_error", "diverged"):
        if column not in table:
            raise ValueError(f"{column}: no such column in the table of trials")
    train, val = table["train_error"].to_numpy(float), table["val_error"].to_numpy(float)
    diverged = table["diverged"].to_numpy(bool) | ~np.isfinite(train + val)
    for name, error in (("train_error", train), ("val_error", val)):
        if ((error[~diverged] < 0) | (error[~diverged] > 1)).any():
            raise ValueError(f"{name}: a rate between 0 and 1 is wanted")

    optional = [table[name].fillna(0).to_numpy(float) if name in table else np.zeros(len(table)) for name in OPTIONAL]
    return Outcomes(train, val, diverged, *optional)
