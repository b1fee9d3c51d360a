"""What the evidence says of each trial: shares of draws in each regime, and what would settle those it leaves open."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from fitscape.study.config import RegimeThresholds
from fitscape.study.regimes.draws import StandardDraws, standard_draws
from fitscape.study.regimes.evidence import Beliefs, Draws, More, ReplicateRuns, own_draws
from fitscape.study.regimes.reference import Reference
from fitscape.study.regimes.replicates import SeedNoise
from fitscape.study.regimes.rule import Array, Scale, flip_rate, rate, regime_of, regimes, shares
from fitscape.study.regimes.subject import TrialAtEpoch

SETTLING_DRAWS: Final = 500  # what would settle a label is said roughly
FURTHER_SEEDS: Final = (1, 2, 4, 8)
MORE_IMAGES: Final = (2.0, 4.0, 10.0)  # times those at hand
_ALL_SEEDS, _ALL_IMAGES = More(seeds=1000), More(images=1000.0)


@dataclass(frozen=True, eq=False)
class Judged:
    """One trial before it has a label."""

    shares: Array  # [5] in the order of DECIDABLE
    train_skill: float = float("nan")  # of the trial's own plain estimates
    val_skill: float = float("nan")
    by_map: bool = False
    unsettled_by: str = ""
    seeds_needed: int | None = None
    images_needed: int | None = None


DIVERGED: Final = Judged(np.array([1.0, 0, 0, 0, 0]))


@dataclass(frozen=True)
class Judge:
    """All that labels of one study share."""

    thresholds: RegimeThresholds
    chance: float
    classes: int
    noise: SeedNoise
    standard: StandardDraws
    runs: dict[str, ReplicateRuns]
    reference: Reference | None  # None: that of the beliefs
    beliefs: Beliefs | None = None

    @cached_property
    def reference_error(self) -> float:
        if self.reference is not None:
            return self.reference.error
        assert self.beliefs is not None
        return float(np.median(self.beliefs.reference))

    def judged(self, subjects: Sequence[TrialAtEpoch]) -> list[Judged]:
        """All subjects have a record."""
        confidence = self.thresholds.confidence
        rows = self.shares(subjects)
        by_map = np.zeros(len(subjects), dtype=bool)
        held = [i for i, s in enumerate(subjects) if self._held(s)]
        if held:
            alone = self.shares([subjects[i] for i in held], alone=True)
            by_map[held] = [
                rows[i].max() >= confidence and regime_of(row, confidence) != regime_of(rows[i], confidence)
                for i, row in zip(held, alone, strict=True)
            ]
        point = Scale(self.chance, self.reference_error, classes=self.classes)
        records = [s.record for s in subjects if s.record is not None]
        flipped = [flip_rate(s.trial.config, s.record, self.classes) for s in subjects]
        train = point.train_skill(rate([r.train_error for r in records], [r.train_n for r in records]), flipped)
        val = point.val_skill(rate([r.val_error for r in records], [r.val_n for r in records]))
        found = [
            Judged(row, float(tr), float(va), bool(told))
            for row, tr, va, told in zip(rows, train, val, by_map, strict=True)
        ]
        left = [i for i, row in enumerate(rows) if row.max() < confidence]
        for i, (why, seeds, images) in zip(left, self._unsettled([subjects[i] for i in left]), strict=True):
            found[i] = replace(found[i], unsettled_by=why, seeds_needed=seeds, images_needed=images)
        return found

    def shares(self, subjects: Sequence[TrialAtEpoch], more: More | None = None, *, alone: bool = False) -> Array:
        """[T, 5] shares of draws in each regime; ``alone``: from the runs of each configuration, without the map."""
        return self._shares(self._skills(subjects, more or More(), alone), self.thresholds.tau)

    def shares_at(self, subjects: Sequence[TrialAtEpoch], taus: Sequence[float]) -> list[Array]:
        """``shares`` at each tau. The draws are the same, and are most of the work."""
        skills = self._skills(subjects, More(), alone=False)
        return [self._shares(skills, tau) for tau in taus]

    def _shares(self, skills: tuple[Array, Array], tau: float) -> Array:
        return shares(regimes(*skills, tau=tau, untrained=self.thresholds.untrained))

    def _skills(self, subjects: Sequence[TrialAtEpoch], more: More, alone: bool) -> tuple[Array, Array]:
        """Draws [T, R] of the skills of training and validation error."""
        standard = self.standard
        held = np.array([not alone and self._held(s) for s in subjects], dtype=bool)
        flipped = np.array([flip_rate(s.trial.config, s.record, self.classes) for s in subjects])
        drawn = Draws(*np.empty((2, len(subjects), len(standard.train_seed))))
        ids = np.array([s.trial.trial_id for s in subjects], dtype=object)
        if held.any():
            assert self.beliefs is not None
            drawn.train[held], drawn.val[held] = self.beliefs.draws(ids[held].tolist(), standard.seeds(0.0), more)
        if not held.all():
            runs = [self.runs[trial_id] for trial_id in ids[~held]]
            drawn.train[~held], drawn.val[~held] = own_draws(runs, self.noise, standard, more)
        scale = Scale(self.chance, self._references(standard), classes=self.classes)
        clean = np.where(held, 0.0, flipped)[:, None]  # beliefs are about clean labels
        return scale.train_skill(drawn.train, clean), scale.val_skill(drawn.val)

    def _held(self, subject: TrialAtEpoch) -> bool:
        return self.beliefs is not None and self.beliefs.holds(subject.trial.trial_id)

    def _references(self, standard: StandardDraws) -> Array:
        if self.reference is not None:
            return self.reference.draws(standard)
        assert self.beliefs is not None
        return np.resize(self.beliefs.reference, standard.reference_seed.shape)

    def _unsettled(self, subjects: Sequence[TrialAtEpoch]) -> list[tuple[str, int | None, int | None]]:
        """Why each subject has no label, and the least seeds and images that would give one if they came out alike."""
        if not subjects:
            return []
        rough = replace(self, standard=standard_draws(0, SETTLING_DRAWS))
        confidence = self.thresholds.confidence
        seeds = [(k, rough.shares(subjects, More(seeds=k)).max(axis=1)) for k in FURTHER_SEEDS]
        images = [(k, rough.shares(subjects, More(images=k)).max(axis=1)) for k in MORE_IMAGES]
        by_seeds, by_images = (rough.shares(subjects, more).max(axis=1) for more in (_ALL_SEEDS, _ALL_IMAGES))
        found = []
        for i, subject in enumerate(subjects):
            assert subject.record is not None
            further = next((k for k, p in seeds if p[i] >= confidence), None)
            times = next((k for k, p in images if p[i] >= confidence), None)
            why = "seeds" if by_seeds[i] >= by_images[i] else "images"
            found.append(
                (
                    "boundary" if further is None and times is None else why,
                    further,
                    None if times is None else round(times * subject.record.val_n),
                )
            )
        return found
