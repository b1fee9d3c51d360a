"""Labels of a study's trials: errors with their noise, the decision list, the flags."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from fitscape.study.config import RegimeThresholds
from fitscape.study.records import Label, Regime, TrialRecord
from fitscape.study.regimes.compared import late_flags, study_flags
from fitscape.study.regimes.draws import standard_draws
from fitscape.study.regimes.evidence import Beliefs, runs_of
from fitscape.study.regimes.flags import flags_of
from fitscape.study.regimes.judge import DIVERGED, Judge, Judged
from fitscape.study.regimes.reference import Reference, estimate_reference
from fitscape.study.regimes.replicates import SeedNoise, by_group, intact, pooled_seed_noise
from fitscape.study.regimes.rule import DECIDABLE, regime_of, split_excess
from fitscape.study.regimes.subject import TrialAtEpoch, subject_of

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
    beliefs: Beliefs | None = None,
    overlap: float = 0.0,
    only: Collection[str] | None = None,
) -> list[Label]:
    """A label for every trial that has something to show, in the order given.

    A label says where new nets of the trial's configuration are expected to be: from all seeds of it, and, with
    ``beliefs``, from its neighbours on the map. Pending and failed trials get none. At the end (``epoch`` None)
    running ones get none either, nor do trials that 0.1.0 stopped early, and diverged ones are *diverged*. At a given
    epoch each trial that reached it is labelled as it stood; one that had diverged before is *diverged*.

    Args:
        classes: number of classes.
        chance_error: majority-class error of validation, c.
        seed: of the draws; the same seed gives the same labels, whatever other trials there are beside the
            reference, the pooled seed noise and the evidence named above.
        epoch: which epoch to label; None: the last.
        reference: None: that of ``beliefs``, else ``thresholds.reference_error``, else estimated from these trials.
        beliefs: of a map of these trials.
        overlap: ``DataConfig.overlap``; above 0, seeds are folds.
        only: ids of the trials that get a label, without the flag *degraded*. Of trials of other configurations no
            more is looked at than their last epochs.
    """
    trials = list(trials)
    judge, subjects = _case(trials, thresholds, classes, chance_error, seed, epoch, reference, beliefs, overlap, only)
    if only is not None:
        subjects = [s for s in subjects if s.trial.trial_id in only]
        return _labels(judge, subjects, late_flags(subjects))
    return _labels(judge, subjects, study_flags(trials, subjects, classes, chance_error, epoch, overlap))


def regimes_at(
    trials: Iterable[TrialRecord],
    thresholds: RegimeThresholds,
    taus: Sequence[float],
    *,
    classes: int,
    chance_error: float,
    seed: int = 0,
    reference: Reference | None = None,
    beliefs: Beliefs | None = None,
    overlap: float = 0.0,
) -> dict[str, list[Regime]]:
    """By trial id, the regime that :func:`label_all` gives at each tau, for little more than it takes at one."""
    judge, subjects = _case(list(trials), thresholds, classes, chance_error, seed, None, reference, beliefs, overlap)
    found = {s.trial.trial_id: [Regime.DIVERGED] * len(taus) for s in subjects if s.record is None}
    for chunk in _chunks(subjects):
        for rows in zip(chunk, *judge.shares_at(chunk, taus), strict=True):
            subject, *shares = rows
            found[subject.trial.trial_id] = [regime_of(row, thresholds.confidence) for row in shares]
    return found


def _case(
    trials: list[TrialRecord],
    thresholds: RegimeThresholds,
    classes: int,
    chance_error: float,
    seed: int,
    epoch: int | None,
    reference: Reference | None,
    beliefs: Beliefs | None,
    overlap: float,
    only: Collection[str] | None = None,
) -> tuple[Judge, list[TrialAtEpoch]]:
    """The judge of these trials, and those of them that have something to show; ``only`` of these configurations."""
    noise = pooled_seed_noise(intact(by_group(trials)), overlap)
    groups = None if only is None else {t.config.group_id for t in trials if t.trial_id in only}
    asked = trials if groups is None else [t for t in trials if t.config.group_id in groups]
    subjects = [s for t in asked if (s := subject_of(t, epoch, classes)) is not None]
    if reference is None and beliefs is None:
        reference = _reference(trials, thresholds, noise)
    if reference is not None and np.isnan(reference.error):
        subjects = [s for s in subjects if s.record is None]  # only divergence shows without a reference
    runs = runs_of(subjects, noise)
    return Judge(thresholds, chance_error, classes, noise, standard_draws(seed), runs, reference, beliefs), subjects


def _chunks(subjects: Sequence[TrialAtEpoch]) -> Iterator[Sequence[TrialAtEpoch]]:
    """Those that have errors."""
    drawn = [s for s in subjects if s.record is not None]
    return (drawn[start : start + CHUNK] for start in range(0, len(drawn), CHUNK))


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
    noise = noise or SeedNoise()
    runs = runs_of([subject], noise)
    judge = Judge(thresholds, chance_error, classes, noise, standard_draws(seed), runs, reference)
    return _labels(judge, [subject], late_flags([subject]))[0]


def _reference(trials: list[TrialRecord], thresholds: RegimeThresholds, noise: SeedNoise) -> Reference:
    if thresholds.reference_error is None and not by_group(trials):
        return Reference(error=float("nan"))
    return estimate_reference(trials, given=thresholds.reference_error, noise=noise)


def _labels(judge: Judge, subjects: Sequence[TrialAtEpoch], extra: Mapping[str, set[str]]) -> list[Label]:
    judged: dict[int, Judged] = {}
    for chunk in _chunks(subjects):
        judged.update((id(s), one) for s, one in zip(chunk, judge.judged(chunk), strict=True))
    return [_label(judge, s, judged.get(id(s), DIVERGED), extra.get(s.trial.trial_id, set())) for s in subjects]


def _label(judge: Judge, subject: TrialAtEpoch, judged: Judged, extra: set[str]) -> Label:
    row, thresholds = judged.shares, judge.thresholds
    regime = regime_of(row, thresholds.confidence)
    bias, gap, share = (float(x) for x in split_excess(judged.train_skill, judged.val_skill))
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
        thresholds_version=thresholds.version,
        tau=thresholds.tau,
        reference_error=judge.reference_error,
        chance_error=judge.chance,
        by_map=judged.by_map,
        unsettled_by=judged.unsettled_by,
        seeds_needed=judged.seeds_needed,
        images_needed=judged.images_needed,
    )
