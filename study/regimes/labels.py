"""Labels of a study's trials: errors with their noise, the decision list, the flags."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit

from fitscape.study.config import RegimeThresholds
from fitscape.study.records import Label, TrialRecord
from fitscape.study.regimes.depth import depth_pairs, depth_tests
from fitscape.study.regimes.draws import StandardDraws, standard_draws
from fitscape.study.regimes.flags import flags_of
from fitscape.study.regimes.late import beyond_fluctuation, error_rises, loss_rises
from fitscape.study.regimes.reference import Reference, estimate_reference
from fitscape.study.regimes.replicates import SeedNoise, by_group, pooled_seed_noise
from fitscape.study.regimes.rule import (
    DECIDABLE,
    Array,
    Scale,
    count,
    flip_rate,
    rate,
    regime_of,
    regimes,
    shares,
    split_excess,
)
from fitscape.study.regimes.subject import Subject, subject_of

CHUNK: Final = 128  # trials drawn at once: arrays of 128 x 2,000 stay in the processor's cache


def label_all(
    trials: Iterable[TrialRecord],
    thresholds: RegimeThresholds,
    *,
    classes: int,
    chance_error: float,
    seed: int = 0,
    epoch: int | None = None,
    reference: Reference | None = None,
) -> list[Label]:
    """A label for every trial that has something to show, in the order given.

    Pending and failed trials get none. At the end (``epoch`` None) running ones get none either, nor do trials
    that 0.1.0 stopped early, and diverged ones are *diverged*. At a given epoch each trial that reached it is
    labelled as it stood; one that had diverged before is *diverged*.

    Args:
        classes: number of classes.
        chance_error: majority-class error of validation, c.
        seed: of the draws; the same seed gives the same labels, whatever other trials there are beside the
            reference and the pooled seed noise.
        epoch: which epoch to label; None: the last.
        reference: None: ``thresholds.reference_error``, or else estimated from these trials.
    """
    trials = list(trials)
    noise = pooled_seed_noise(by_group(trials))
    subjects = [s for t in trials if (s := subject_of(t, epoch, classes)) is not None]
    reference = reference or _reference(trials, thresholds, noise)
    if np.isnan(reference.error):
        subjects = [s for s in subjects if s.record is None]  # only divergence shows without a reference
    rule = _Rule(thresholds, reference, noise, classes, chance_error, standard_draws(seed))
    extra = _study_flags(trials, subjects, classes, chance_error, epoch)
    return rule.labels(subjects, extra)


def label(
    trial: TrialRecord,
    reference: Reference,
    thresholds: RegimeThresholds,
    *,
    classes: int,
    chance_error: float,
    noise: SeedNoise | None = None,
    seed: int = 0,
    epoch: int | None = None,
) -> Label | None:
    """One trial by itself, as in :func:`label_all`; the flag *degraded* needs the others and is left out."""
    subject = subject_of(trial, epoch, classes)
    if subject is None:
        return None
    rule = _Rule(thresholds, reference, noise or SeedNoise(), classes, chance_error, standard_draws(seed))
    return rule.labels([subject], _late_flags([subject]))[0]


def _reference(trials: list[TrialRecord], thresholds: RegimeThresholds, noise: SeedNoise) -> Reference:
    if thresholds.reference_error is None and not by_group(trials):
        return Reference(error=float("nan"))
    return estimate_reference(trials, given=thresholds.reference_error, noise=noise)


@dataclass(frozen=True)
class _Rule:
    """All that labels of one study share."""

    thresholds: RegimeThresholds
    reference: Reference
    noise: SeedNoise
    classes: int
    chance: float
    standard: StandardDraws

    def labels(self, subjects: Sequence[Subject], extra: Mapping[str, set[str]]) -> list[Label]:
        drawn = [s for s in subjects if s.record is not None]
        rows: dict[int, tuple[Array, float, float]] = {}
        for start in range(0, len(drawn), CHUNK):
            chunk = drawn[start : start + CHUNK]
            rows.update((id(s), row) for s, row in zip(chunk, self._chunk(chunk), strict=True))
        diverged = (np.array([1.0, 0, 0, 0, 0]), np.nan, np.nan)
        return [self._label(s, rows.get(id(s), diverged), extra.get(s.trial.trial_id, set())) for s in subjects]

    def _chunk(self, subjects: Sequence[Subject]) -> list[tuple[Array, float, float]]:
        """(probabilities, u(E_tr), u(E_va)) of each subject; the skills are those of the plain estimates."""
        records = [s.record for s in subjects if s.record is not None]
        flipped = np.array([flip_rate(s.trial.config, s.record, self.classes) for s in subjects])[:, None]
        train_n, val_n = (np.array([getattr(r, n) for r in records], float) for n in ("train_n", "val_n"))
        train = np.array([r.train_error for r in records])
        val = np.array([r.val_error for r in records])
        train_seed, val_seed = self.standard.seeds(self.noise.correlation)
        train_draws = self.standard.train.logits(count(train, train_n), train_n)
        train_draws = expit(train_draws + self.noise.train_sd * train_seed)
        val_draws = self.standard.val.logits(count(val, val_n), val_n)
        val_draws = expit(val_draws + self.noise.val_sd * val_seed)
        train, val = rate(train, train_n), rate(val, val_n)
        drawn = Scale(self.chance, self.reference.draws(self.standard), classes=self.classes)
        codes = regimes(
            drawn.train_skill(train_draws, flipped),
            drawn.val_skill(val_draws),
            tau=self.thresholds.tau,
            untrained=self.thresholds.untrained,
        )
        point = Scale(self.chance, self.reference.error, classes=self.classes)
        skills = point.train_skill(train, flipped[:, 0]), point.val_skill(val)
        return [(row, float(tr), float(va)) for row, tr, va in zip(shares(codes), *skills, strict=True)]

    def _label(self, subject: Subject, drawn: tuple[Array, float, float], extra: set[str]) -> Label:
        row, train, val = drawn
        regime = regime_of(row, self.thresholds.confidence)
        bias, gap, share = (float(x) for x in split_excess(train, val))
        return Label(
            trial_id=subject.trial.trial_id,
            epoch=subject.epoch,
            regime=regime,
            probability=float(row.max()),
            probabilities={r.value: float(p) for r, p in zip(DECIDABLE, row, strict=True)},
            train_excess=bias,
            gap_excess=gap,
            bias_share=share,
            flags=tuple(sorted(extra | flags_of(subject, regime, share))),
            thresholds_version=self.thresholds.version,
            tau=self.thresholds.tau,
            reference_error=self.reference.error,
            chance_error=self.chance,
        )


def _study_flags(
    trials: Sequence[TrialRecord],
    subjects: Sequence[Subject],
    classes: int,
    chance_error: float,
    epoch: int | None,
) -> dict[str, set[str]]:
    """Flags that compare: trials with each other (degraded), a trial's last epoch with its best."""
    found = _late_flags(subjects)
    if epoch is None:
        for test in depth_tests(depth_pairs(trials, classes=classes, chance_error=chance_error)):
            if test.degraded:
                for trial in test.pair.deep_trials:
                    found.setdefault(trial.trial_id, set()).add("degraded")
    return found


def _late_flags(subjects: Sequence[Subject]) -> dict[str, set[str]]:
    """Overfit in time, where the labelled epoch is the pair's last one: the rise is sure over images, and larger
    than the epochs of this run differ anyway."""
    late = [
        (s, pair)
        for s in subjects
        if (pair := s.trial.late) is not None and s.record is not None and pair.last_epoch == s.epoch
    ]
    pairs = [pair for _, pair in late]
    found: dict[str, set[str]] = {}
    for name, rises, measure in (
        ("overfit_in_time", loss_rises(pairs), "val_loss"),
        ("overfit_in_time_error", error_rises(pairs), "val_error"),
    ):
        for (subject, _), rise in zip(late, rises, strict=True):
            if rise.overfits and beyond_fluctuation([getattr(e, measure) for e in subject.epochs]):
                found.setdefault(subject.trial.trial_id, set()).add(name)
    return found
