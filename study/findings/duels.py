"""Two architectures under the same conditions: in pairs where the design has them, else as two fair samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Final

from fitscape.study.findings.context import by_configuration, config_key, drawn_alike, ended, sampled
from fitscape.study.records import TrialRecord

LEAST_TRIALS: Final = 5
# Which family is claimed to do better than which: dense against residual against plain.
_RANK: Final = {"densenet": 2, "resnet": 1, "plain": 0}


@dataclass(frozen=True)
class Duel:
    """Trials of the architecture that is claimed to be better (a) and of the other (b).

    If ``pairs`` holds any, a and b are those trials, in the order of the pairs; if not, both are samples that
    one sampler drew from one space without looking at results.
    """

    better: str
    worse: str
    pairs: tuple[tuple[TrialRecord, TrialRecord], ...]
    sampled: tuple[tuple[TrialRecord, ...], tuple[TrialRecord, ...]]

    @cached_property
    def sides(self) -> tuple[tuple[TrialRecord, ...], tuple[TrialRecord, ...]]:
        if self.pairs:
            return tuple(a for a, _ in self.pairs), tuple(b for _, b in self.pairs)
        return self.sampled

    @property
    def drawn(self) -> bool:
        """The configurations were drawn from the space: what is said is said of the space."""
        return all(sampled(side) for side in self.sides)

    @property
    def replicated(self) -> bool:
        """They were, and some have several seeds, which are not independent draws of the space."""
        return self.drawn and any(len(by_configuration(side)) < len(side) for side in self.sides)

    @property
    def family(self) -> str:
        return self.sides[0][0].config.model.family


def arms(trials: Sequence[TrialRecord]) -> dict[str, list[TrialRecord]]:
    """Trials that ran to their end by architecture (``resnet18``), those with enough of them."""
    found: dict[str, list[TrialRecord]] = {}
    for trial in ended(trials):
        found.setdefault(trial.config.model.name, []).append(trial)
    return {name: group for name, group in sorted(found.items()) if len(group) >= LEAST_TRIALS}


def duels(trials: Sequence[TrialRecord]) -> list[Duel]:
    """Residual nets against their plain twins of the same depth, dense nets against any."""
    by_name = arms(trials)
    found = []
    for names in combinations(by_name, 2):
        models = [by_name[name][0].config.model for name in names]
        ranks = [_RANK[m.family] for m in models if m.family in _RANK]
        if len(ranks) < 2 or ranks[0] == ranks[1] or (2 not in ranks and models[0].depth != models[1].depth):
            continue
        better, worse = names if ranks[0] > ranks[1] else names[::-1]
        a, b = by_name[better], by_name[worse]
        pairs = _paired(a, b)
        if len(pairs) >= LEAST_TRIALS:
            found.append(Duel(better, worse, tuple(pairs), ((), ())))
            continue
        samples = drawn_alike(a), drawn_alike(b)
        if all(len(by_configuration(sample)) >= LEAST_TRIALS for sample in samples):
            found.append(Duel(better, worse, (), (tuple(samples[0]), tuple(samples[1]))))
    return found


def _paired(a: Sequence[TrialRecord], b: Sequence[TrialRecord]) -> list[tuple[TrialRecord, TrialRecord]]:
    hyperparameters = ("family", "depth", "shortcut", "growth_rate")
    other = {config_key(t, hyperparameters): t for t in b}
    return [(t, other[key]) for t in a if (key := config_key(t, hyperparameters)) in other]
