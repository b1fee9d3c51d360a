"""Early stopping that is safe for labels: a trial ends when its end is known well enough.

Successive halving keeps what looks best and would call half of a regime map by a wrong name: an overfit net
looks underfit before it overfits. Here the final errors are predicted (forecast.py) and labelled as draws. A trial
is stopped when one label has the wanted probability; and when it has none, but its forecast already tells a map
almost all that its end would (knowledge.py): then it stays undecided. What this costs is measured: a random share
of the trials runs in full all the same, and the rule grows stricter when too many of its verdicts on them flip
(audit.py).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from scipy.special import logit

from fitscape.study.config import RegimeThresholds, StoppingConfig, StudyConfig
from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.encoding import Encoder
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.search.audit import Audit, Verdict, audit
from fitscape.study.search.end_variance import Knowledge
from fitscape.study.search.forecast import Forecast, LearningCurve, forecast, rungs
from fitscape.study.search.space import point_of, resolve

Array = NDArray[np.float64]

DRAWS = 300
ENOUGH = 0.8  # share of what the end would tell a map, from which a forecast will do
LONG_TRAINING = 30  # epochs from which label noise can bring a second, epoch-wise descent


@dataclass(frozen=True)
class Decision:
    """Stop this trial now: why, and what it would have come to."""

    label: str  # diverged, good, overfit or underfit
    probability: float
    epoch: int
    total: int
    errors: Array  # [draws, 2] predicted final (train_error, val_error); empty where it will sooner have none
    labelled: bool = True  # False: no label is likely enough, and the trial stays undecided

    @property
    def reason(self) -> str:
        label = f"{self.label} with p = {self.probability:.3f}"
        why = label if self.labelled else f"its end would tell the map little more ({label})"
        return f"stopped after {self.epoch} of {self.total} epochs: {why}"

    def outcome(self) -> dict[str, Any]:
        """What a map or sampler is told instead of a measured end (columns of RegimeMap.fit)."""
        if not len(self.errors):
            return {"train_error": float("nan"), "val_error": float("nan"), "diverged": True}
        errors = np.clip(self.errors, 1e-4, 1 - 1e-4)
        (train, val), (train_sd, val_sd) = np.median(self.errors, axis=0), logit(errors).std(axis=0)
        return {
            "train_error": float(train),
            "val_error": float(val),
            "diverged": False,
            "train_sd": float(train_sd),
            "val_sd": float(val_sd),
        }


def applicable(config: StudyConfig) -> tuple[bool, str]:
    """Whether stopping can be trusted in this study, and if not, why."""
    schedules = _values(config, "schedule")
    if schedules != {"constant"}:
        other = ", ".join(sorted(map(str, schedules - {"constant"})))
        return False, f"stopping needs a constant learning rate: under {other} an early epoch is no shorter run"
    noisy = max(float(v) for v in _values(config, "label_noise")) > 0
    if noisy and max(int(v) for v in _values(config, "epochs")) >= LONG_TRAINING:
        return False, (
            f"label noise and {LONG_TRAINING} or more epochs: validation error may descend a second time, "
            "late, so no trial is stopped before its end"
        )
    return True, ""


def _values(config: StudyConfig, hyperparameter: str) -> set[Any]:
    """Every value that a hyperparameter may take in the study; of a range, its two ends."""
    space = resolve(config)
    points = [config.base.flat(), *config.enqueue]
    values = {point[hyperparameter] for point in points if hyperparameter in point}
    if hyperparameter in space:
        values = {point[hyperparameter] for point in config.enqueue if hyperparameter in point} | _ends(
            space[hyperparameter]
        )
    return values


def _ends(distribution: BaseDistribution) -> set[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return set(distribution.choices)
    return {getattr(distribution, "low", 0), getattr(distribution, "high", 0)}


class StoppingRule:
    """Decides, epoch by epoch, which running trials may end.

    Args:
        space: the hyperparameters that trials differ in.
        thresholds: the decision list's numbers.
        config: confidence, warm-up trials, audited share.
        chance_error: error of always answering the most frequent class.
        reference_error: best reachable validation error; None: estimated from the trials that ran in full.
        active: False where :func:`applicable` says so: then only a non-finite error ends a trial.
        seed: of the draws.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        thresholds: RegimeThresholds,
        config: StoppingConfig,
        *,
        chance_error: float,
        reference_error: float | None = None,
        active: bool = True,
        seed: int = 0,
    ) -> None:
        self._encoder = Encoder(space)
        self._thresholds, self._config = thresholds, config
        self._chance, self._reference = chance_error, reference_error
        self._active, self._seed = active, seed
        self._running: dict[str, LearningCurve] = {}
        self._full: list[LearningCurve] = []
        self._scale = self._cuts()  # one scale of z for all curves, whatever the reference becomes
        self._knowledge = Knowledge()
        self._verdicts: dict[str, list[Verdict]] = {}  # of audited trials that run
        self._audited: list[tuple[list[Verdict], LearningCurve]] = []
        self._threshold = config.confidence

    @classmethod
    def of(cls, config: StudyConfig, space: Mapping[str, BaseDistribution], chance_error: float) -> Self:
        """The rule of a study; inactive where stopping cannot be trusted."""
        return cls(
            space,
            config.regimes,
            config.stopping,
            chance_error=chance_error,
            reference_error=config.regimes.reference_error,
            active=applicable(config)[0],
            seed=config.search.seed,
        )

    def observe(
        self,
        trial_id: str,
        point: Mapping[str, Any],
        epoch: int,
        total: int,
        train_error: float,
        val_error: float,
    ) -> Decision | None:
        """Take in one epoch of a running trial; a Decision if it is to stop here, which is its end.

        Args:
            point: the trial's hyperparameters. epoch: from 1. total: epochs it is meant to run.
        """
        if not np.isfinite([train_error, val_error]).all():
            return Decision("diverged", 1.0, epoch, total, np.zeros((0, 2)))
        curve = self._running.setdefault(trial_id, LearningCurve(self._encode(point), total))
        curve.z[epoch] = self._scale.z(np.array([val_error, train_error]))
        if not self._active or len(self._full) < self._config.warmup_trials or epoch not in rungs(total):
            return None
        seen = forecast(curve, epoch, self._full)
        if seen is None:
            return None
        decision = self._judge(trial_id, curve, epoch, seen)
        enough = self._enough(curve, seen)
        if self.audits(trial_id):
            self._verdicts.setdefault(trial_id, []).append(Verdict(decision.label, decision.probability, enough))
            return None
        labelled = decision.probability >= self._threshold
        if self._threshold > 1 or not (labelled or enough):
            return None
        # A net that diverges has no end that a map's fields could be told.
        if len(decision.errors):
            self._knowledge.tell(curve.features, seen.mean, seen.variance)
        del self._running[trial_id]
        return replace(decision, labelled=labelled)

    def finish(self, trial_id: str, *, diverged: bool = False) -> None:
        """A trial has ended by itself. One that ran to its last epoch, or diverged, teaches; others are forgotten."""
        curve = self._running.pop(trial_id, None)
        verdicts = self._verdicts.pop(trial_id, [])
        if curve is None or not (diverged or curve.total in curve.z):
            return
        curve.diverged = diverged
        self._full.append(curve)
        if not diverged:
            self._knowledge.tell(curve.features, curve.z[curve.total], np.zeros(2))
        if self.audits(trial_id):
            self._audited.append((verdicts, curve))
            self._threshold = self.audit.threshold

    def restore(self, trials: Iterable[TrialRecord]) -> None:
        """Learn again, after a restart, from the trials that are over, in the order in which they told it."""
        ended = (TrialState.FINISHED, TrialState.DIVERGED, TrialState.STOPPED)
        known = [(t, p) for t in trials if t.state in ended and (p := point_of(t.config, self._encoder.space))]
        epochs = [(record.time, i, record) for i, (trial, _) in enumerate(known) for record in trial.epochs]
        # Sorted by time alone: epochs and ends of one trial stay in their order, whatever a clock says.
        for _, i, record in sorted(epochs, key=lambda event: event[0]):
            trial, point = known[i]
            total = trial.config.optimization.epochs
            self.observe(trial.trial_id, point, record.epoch, total, record.train_error, record.val_error)
            if record is trial.last:
                self.finish(trial.trial_id, diverged=trial.state is TrialState.DIVERGED)

    def audits(self, trial_id: str) -> bool:
        """Whether this trial runs in full for the audit: a random share, fixed by the id."""
        draw = int.from_bytes(hashlib.sha256(trial_id.encode()).digest()[:8], "big") / 2**64
        return draw < self._config.audit_fraction

    @property
    def audit(self) -> Audit:
        """The verdicts on audited trials against how they ended, at the least strict threshold that holds."""
        return audit([(verdicts, self._label(curve)) for verdicts, curve in self._audited], self._config.confidence)

    def _enough(self, curve: LearningCurve, seen: Forecast) -> bool:
        """Whether the forecast tells a map nearly what the end would.

        A map that expects this trial's end with variance v learns in proportion to v / (v + s) from a
        forecast with variance s: all of it at the end, where s = 0.
        """
        expected = self._knowledge.spread(curve.features)
        if expected is None or seen.p_diverged > 1 - self._config.confidence:
            return False
        return bool((expected >= ENOUGH * (expected + seen.variance)).all())

    def _judge(self, trial_id: str, curve: LearningCurve, epoch: int, seen: Forecast) -> Decision:
        """The likeliest end of a trial and its probability."""
        rng = np.random.default_rng([self._seed, epoch, *hashlib.sha256(trial_id.encode()).digest()[:8]])
        val, train = self._scale.error(seen.draws(DRAWS, rng)).T
        labels = self._cuts().labels(train, val, np.zeros(DRAWS, dtype=bool))
        names, counts = np.unique(labels, return_counts=True)
        shares = dict(zip(names.tolist(), counts / DRAWS * (1 - seen.p_diverged), strict=True))
        shares["diverged"] = shares.get("diverged", 0.0) + seen.p_diverged
        label = max(shares, key=lambda name: shares[name])
        # A net that learns nothing is labelled diverged as well, but has errors, and a map is told them.
        errors = np.stack([train, val], axis=1) if seen.p_diverged < 0.5 else np.zeros((0, 2))
        return Decision(label, float(shares[label]), epoch, curve.total, errors)

    def _label(self, curve: LearningCurve) -> str:
        if curve.diverged:
            return "diverged"
        val, train = self._scale.error(curve.z[curve.total][:, None])
        return str(self._cuts().labels(train, val, np.zeros(1, dtype=bool))[0])

    def _cuts(self) -> Cuts:
        reference = self._reference
        if reference is None:
            ends = [c.z[c.total][0] for c in self._full if not c.diverged]
            # The mean of the three lowest: the single lowest is the luckiest of many noisy numbers.
            reference = float(np.mean(np.sort(self._scale.error(np.array(ends)))[:3])) if ends else 0.0
        reference = min(reference, 0.95 * self._chance)
        return Cuts(self._chance, reference, self._thresholds.tau, self._thresholds.untrained)

    def _encode(self, point: Mapping[str, Any]) -> Array:
        features: Array = self._encoder.features(pd.DataFrame([dict(point)]))[0]
        return features
