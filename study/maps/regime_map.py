"""The map: probability of each regime at every point of a search space, learned from finished trials."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from scipy.special import ndtri

from fitscape.study.maps.boundary import BoundarySet, trace
from fitscape.study.maps.decision import REGIMES, Cuts
from fitscape.study.maps.encoding import Encoder, Points
from fitscape.study.maps.error_models import Fields, Outcomes, lowest_error
from fitscape.study.maps.posterior import Posterior, probabilities
from fitscape.study.measures.wording import percent

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
        reference_error: validation error to measure against, on clean labels; None: that of the best
            configurations tried, as far as it is known.
        classes: of the data set, for training errors against noisy labels. None: balanced classes.

    Raises:
        ValueError: an error rate outside of 0 to 1, or a chance error of 0.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        thresholds: Thresholds,
        *,
        chance_error: float,
        reference_error: float | None,
        classes: int | None = None,
        seed: int = 0,
    ) -> None:
        self.encoder = Encoder(space)
        self.thresholds = thresholds
        given = 0.0 if reference_error is None else reference_error
        self.cuts = Cuts(chance_error, given, thresholds.tau, thresholds.untrained, classes=classes)
        self.given = reference_error is not None
        self.seed = seed
        self._fields: Fields | None = None
        self._posterior: Posterior | None = None

    def fit(self, table: pd.DataFrame, *, warm: "RegimeMap | None" = None, val_only: bool = False) -> Self:
        """Fit on a table of finished trials, or of their epochs.

        Rows that share a ``trial_id`` are epochs of one run: what its seed did to all of them is a random effect
        of that run. Put ``epoch`` into the space (a log axis) and thin the curves (:func:`study.maps.epochs.thin`);
        only under a constant learning rate is epoch t of a longer run a run of t epochs.

        Args:
            table: a column per hyperparameter, ``train_error``, ``val_error``, ``diverged``; optional ``train_n``,
                ``val_n`` (images behind the errors), ``flip_rate`` (realised share of flipped training
                labels), ``trial_id`` (else rows are counted from 0).
            warm: an earlier map of the same space whose hyperparameters are the starting point.
            val_only: fit no more than what predicts validation errors. The map then knows no regimes.

        Raises:
            ValueError: no rows, a column is missing, or a finite error is outside 0 to 1.
        """
        features, outcomes = self.encoder.features(table), outcomes_of(table)
        self.evidence = table["trial_id"].to_numpy() if "trial_id" in table else np.arange(len(table))
        self.features, self.diverged = features, outcomes.diverged
        start = warm.fields.hypers if warm is not None else None
        if not self.given:
            self.cuts = replace(self.cuts, reference=lowest_error(outcomes, self.cuts.chance), anchor=None)
        runs = pd.factorize(self.evidence)[0]
        groups = runs if len(set(runs)) < len(runs) else None  # plain trials: no run has two rows
        self._fields = Fields(self.cuts, features, outcomes, start, groups)
        self._fields.optimize(steps=15 if warm is not None else 60, seed=self.seed, val_only=val_only)
        images = outcomes.val_n[outcomes.val_n > 0]
        self._posterior = Posterior(
            self._fields,
            given=self.given,
            images=float(np.median(images)) if len(images) else 0.0,
            seed=self.seed,
        )
        if not val_only and not self.given and (~outcomes.diverged).any():
            self.cuts = self.cuts.referred(float(np.median(self.posterior.reference)))
        return self

    def adopt(
        self,
        features: Array,
        evidence: NDArray[Any],
        diverged: NDArray[np.bool_],
        cuts: Cuts,
        fields: Fields,
        posterior: Posterior,
    ) -> Self:
        """Be the map that was fitted to these (:mod:`study.maps.saved`)."""
        self.features, self.evidence, self.diverged, self.cuts = features, evidence, diverged, cuts
        self._fields, self._posterior = fields, posterior
        return self

    def of(self, table: pd.DataFrame, *, val_only: bool = False) -> "RegimeMap":
        """The map of other trials by the same law, fitted; ``val_only`` as for :meth:`fit`."""
        return RegimeMap(
            self.encoder.space,
            self.thresholds,
            chance_error=self.cuts.chance,
            reference_error=self.cuts.reference if self.given else None,
            classes=None if self.cuts.classes is None else int(self.cuts.classes),
            seed=self.seed,
        ).fit(table, val_only=val_only)

    def _sobol(self, points: int) -> pd.DataFrame:
        return self.encoder.from_unit(self.encoder.sobol(points, self.seed))

    @property
    def fields(self) -> Fields:
        if self._fields is None:
            raise ValueError("the map is not fitted: call fit with a table of trials first")
        return self._fields

    @property
    def posterior(self) -> Posterior:
        """Draws of what the trials do not tell."""
        if self._posterior is None:
            raise ValueError("the map is not fitted: call fit with a table of trials first")
        return self._posterior

    def predict(self, points: Points, tau: float | None = None) -> pd.DataFrame:
        """A row per point: the probability of each of REGIMES; the likeliest ``regime`` and its ``probability``;
        ``undecided`` where that is below the confidence; and the median ``train_error`` and ``val_error`` on clean
        labels, of a run that does not diverge. Where no trial diverged, ``diverged`` is small and never the likeliest.

        ``points`` has a column for each hyperparameter; one that is absent is in the middle of its range.

        Raises:
            UserError: no column is a hyperparameter of the map.
        """
        points = self.encoder.frame(points)
        features = self.encoder.features(points)
        p = self.probabilities(features, tau)
        seen = [name in self.told for name in REGIMES]
        best = np.where(seen, p, -1.0).argmax(1)
        return pd.DataFrame(p, columns=list(REGIMES), index=points.index).assign(
            regime=np.array(REGIMES)[best],
            probability=p[np.arange(len(p)), best],
            undecided=p.max(1) < self.thresholds.confidence,
            train_error=self.fields.error(features, "train"),
            val_error=self.fields.error(features, "val"),
        )

    @property
    def told(self) -> tuple[str, ...]:
        """The regimes that the map may name: where no trial diverged, all but that one."""
        return tuple(name for name in REGIMES if name != "diverged" or self.diverged.any())

    def probabilities(self, features: Array, tau: float | None = None) -> Array:
        """[m, 5] in the order of REGIMES: over hyperparameters, fields and the reference."""
        return probabilities(self.posterior.predict(features), self._cuts(tau).tau)

    def error_interval(
        self,
        points: pd.DataFrame,
        level: float = 0.9,
        *,
        of: Literal["val", "train"] = "val",
        chosen: bool = False,
    ) -> pd.DataFrame:
        """Columns ``low``, ``median``, ``high``: validation error that new nets are expected to have at each point.

        Args:
            of: "train" for the training error, on clean labels.
            chosen: the first point was chosen for its low validation error. The luck in that is taken out of it and,
                alike, out of the others, which are moves from there.
        """
        features = self.encoder.features(points)
        mean, sd = self.posterior.error(features, of)
        mean = mean + self.posterior.flattery(features[:1]) if chosen else mean
        half = float(ndtri(0.5 + level / 2)) * sd
        ends = {"low": mean - half, "median": mean, "high": mean + half}
        return pd.DataFrame({name: self.cuts.error(z) for name, z in ends.items()}, index=points.index)

    def reference_interval(self, level: float = 0.9) -> tuple[float, float]:
        """Where the reference error lies; of a given one, itself twice."""
        low, high = np.quantile(self.posterior.reference, [0.5 - level / 2, 0.5 + level / 2])
        return float(low), float(high)

    def _cuts(self, tau: float | None) -> Cuts:
        return self.cuts if tau is None else replace(self.cuts, tau=tau)

    def nearest(self, point: Mapping[str, Any], k: int = 5) -> list[Any]:
        """Ids of the k trials that say most about ``point``: nearest in units of the fitted length scales."""
        scales = np.exp(self.fields.val.hyper.scales)
        here = self.encoder.features(pd.DataFrame([dict(point)]))
        distance = (((self.features - here) / scales) ** 2).sum(1)
        ids = [self.evidence[i] for i in np.argsort(distance, kind="stable")]
        return list(dict.fromkeys(ids))[:k]

    def length_scales(self) -> dict[str, float]:
        """Of each numeric hyperparameter, how far one must go along its axis (0 to 1) until the error is another."""
        scales = np.exp(self.fields.val.hyper.scales)
        return {name: float(scales[at]) for name, at in self.encoder.numeric_columns.items()}

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

        Rows REGIMES; columns ``share`` (posterior mean), ``low`` and ``high`` (90 % interval over joint draws of
        the fields, their hyperparameters, the reference and the validation set, so that errors which neighbours have
        in common do not average out).
        """
        frame = self._sobol(points)
        frame = frame.assign(**{name: pd.Series([v] * points, dtype=object) for name, v in (given or {}).items()})
        features = self.encoder.features(frame)
        shares = self.posterior.draw(features, draws).regimes(self._cuts(tau)).mean(axis=1)
        low, high = np.quantile(shares, [0.05, 0.95], axis=0)
        mean = self.probabilities(features, tau).mean(0)
        return pd.DataFrame({"share": mean, "low": low, "high": high}, index=pd.Index(REGIMES, name="regime"))

    def _repr_html_(self) -> str:
        """In a notebook: the share of the space that each regime takes."""
        table = self.share().map(lambda share: percent(share, 0))
        return f"<p>Shares of the space, with 90 % intervals</p>{table.to_html()}"

    def undecided_area(self, tau: float | None = None, *, points: int = 1024) -> float:
        """Share of the space where no regime reaches the confidence."""
        p = self.probabilities(self.encoder.features(self._sobol(points)), tau)
        return float((p.max(1) < self.thresholds.confidence).mean())

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
        p = self.probabilities(self.encoder.features(points), tau).reshape(*grid_x.shape, len(REGIMES))
        return trace(x, y, axes[0], axes[1], p)


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
            raise ValueError(f"{name}: must be a rate between 0 and 1")

    optional = [table[name].fillna(0).to_numpy(float) if name in table else np.zeros(len(table)) for name in OPTIONAL]
    return Outcomes(train, val, diverged, *optional)
