"""What is known of the errors at a trial's configuration: from its own runs, and from a map where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import expit, logit

from fitscape.study.regimes.draws import StandardDraws
from fitscape.study.regimes.replicates import SeedNoise, apart
from fitscape.study.regimes.rule import Array, rate
from fitscape.study.regimes.subject import TrialAtEpoch


class Draws(NamedTuple):
    """Draws of the errors that new nets of each configuration are expected to have."""

    train: Array  # [T, R], against the labels that were trained on, or against clean ones: the evidence knows
    val: Array  # [T, R]


class More(NamedTuple):
    """Evidence that there is not, to see what it would settle: it is taken to come out as what there is."""

    seeds: int = 0  # further runs of the configuration
    images: float = 1.0  # so many times the images


class Beliefs(Protocol):
    """What a map believes of trials (:class:`study.maps.trial_beliefs.TrialBeliefs`)."""

    @property
    def reference(self) -> Array:
        """Draws [R] of the reference error."""
        ...

    def holds(self, trial_id: str) -> bool:
        """Whether the map has a say on this trial."""
        ...

    def draws(self, trial_ids: Sequence[str], normals: tuple[Array, Array], more: More) -> Draws:
        """Draws of errors against clean labels, of standard normals [R] for training and for validation error."""
        ...


@dataclass(frozen=True)
class ReplicateRuns:
    """One run, and what all runs of its configuration say together: mean logits, and how many runs those are."""

    train: float
    val: float
    train_n: int
    val_n: int
    seeds: int


def runs_of(subjects: Sequence[TrialAtEpoch], noise: SeedNoise) -> dict[str, ReplicateRuns]:
    """By trial id, of the subjects that have errors.

    All seeds of a configuration count alike. One that lies far from all others of its configuration (it may have
    collapsed) is left to itself, and the others do not count it.
    """
    groups: dict[str, list[TrialAtEpoch]] = {}
    for subject in subjects:
        if subject.record is not None:
            groups.setdefault(subject.trial.config.group_id, []).append(subject)
    return {key: runs for group in groups.values() for key, runs in _group(group, noise).items()}


def _group(group: Sequence[TrialAtEpoch], noise: SeedNoise) -> dict[str, ReplicateRuns]:
    records = [s.record for s in group if s.record is not None]
    train_n, val_n = [r.train_n for r in records], [r.val_n for r in records]
    train = logit(rate([r.train_error for r in records], train_n))
    val = logit(rate([r.val_error for r in records], val_n))
    alone = apart(records, noise)
    found = {}
    for i, subject in enumerate(group):
        rows = np.array([i]) if alone[i] else np.flatnonzero(~alone)
        found[subject.trial.trial_id] = ReplicateRuns(
            float(train[rows].mean()), float(val[rows].mean()), train_n[i], val_n[i], len(rows)
        )
    return found


def own_draws(runs: Sequence[ReplicateRuns], noise: SeedNoise, standard: StandardDraws, more: More) -> Draws:
    """Of the runs alone: sampling of images by Jeffreys' posterior, and the mean of their seeds.

    The same images measure all seeds of a configuration, so that seeds do not make up for few images, unless they are
    folds.
    """
    seeds = np.array([one.seeds + more.seeds for one in runs], dtype=float)[:, None]
    train_seed, val_seed = standard.seeds(noise.correlation)
    train_n, val_n = (more.images * np.array([getattr(one, n) for one in runs], float) for n in ("train_n", "val_n"))
    val_n = noise.images_of_mean(val_n, seeds[:, 0])
    of_mean = np.sqrt(noise.of_mean(seeds))
    train = standard.train.logits(_counts([one.train for one in runs], train_n), train_n)
    val = standard.val.logits(_counts([one.val for one in runs], val_n), val_n)
    return Draws(
        expit(train + noise.train_sd * of_mean * train_seed),
        expit(val + noise.val_sd * of_mean * val_seed),
    )


def _counts(logits: Sequence[float], images: Array) -> Array:
    """Errors out of ``images`` whose Jeffreys rate has this logit."""
    return np.maximum(expit(np.array(logits)) * (images + 1) - 0.5, 0.0)
