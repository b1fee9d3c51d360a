"""What to run next, all in all: enqueued points, then the design or the adaptive sampler, each over its seeds."""

import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.trial import Trial, TrialState

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.rule import balanced
from fitscape.study.search.designs import DESIGNS
from fitscape.study.search.optuna_study import attributes, build_study, outcome
from fitscape.study.search.samplers import make_sampler
from fitscape.study.search.space import Point, Space, point_of, resolve

MAX_REFUSED = 1000  # invalid or used-up points in a row before the space counts as exhausted


@dataclass(frozen=True)
class Suggestion:
    """One trial to run."""

    config: TrialConfig
    hyperparameters: dict[str, Any]
    origin: str  # enqueue, the sampler's name, or replicate


class Asker:
    """Hands out every trial of a study once; rebuilt from the ledger's trials, so it needs no state on disk.

    A configuration that comes up again is run with its next seed, as a replicate (the outcome is stochastic:
    a repeat is information). Thread-safe: results may be told while another thread asks.

    Args:
        config: the study; its ``search.trials`` is the total, what is already there included.
        trials: what the ledger holds, in order.
        chance_error: error of always answering the majority class, on validation.
        classes: of the data set; None: balanced, as many as the chance error says.
    """

    def __init__(
        self,
        config: StudyConfig,
        trials: Iterable[TrialRecord] = (),
        *,
        chance_error: float,
        classes: float | None = None,
        space: Space | None = None,
    ) -> None:
        self._config = config
        self._space = resolve(config) if space is None else space
        self._lock = threading.Lock()
        known = list(trials)
        self._seen = {t.trial_id for t in known}
        self._made = len(known)
        self._queue: deque[Suggestion] = deque()
        name = config.search.sampler
        self._source: _DesignSource | _SamplerSource = (
            _DesignSource(config, self._space, known)
            if name in DESIGNS
            else _SamplerSource(config, self._space, known, chance_error, classes or balanced(chance_error))
        )
        for point in config.enqueue:
            self._put(point, "enqueue")
        self._complete_groups(known)

    @property
    def remaining(self) -> int:
        """How many trials are still to be handed out."""
        return max(0, self._config.search.trials - self._made)

    def ask(self) -> Suggestion | None:
        """The next trial; None when the target is reached or the space is exhausted."""
        with self._lock:
            if self.remaining == 0:
                return None
            for _ in range(MAX_REFUSED):
                while self._queue:
                    suggestion = self._queue.popleft()
                    if suggestion.config.trial_id not in self._seen:
                        return self._hand_out(suggestion)
                point = self._source.next_point()
                if point is None:
                    return None
                self._put(point, self._config.search.sampler)
            return None

    def tell(self, trial: TrialRecord) -> None:
        """A trial has ended; adaptive samplers learn from it, once."""
        with self._lock:
            self._source.tell(trial)

    def _hand_out(self, suggestion: Suggestion) -> Suggestion:
        self._seen.add(suggestion.config.trial_id)
        self._made += 1
        self._source.started(suggestion)
        return suggestion

    def _put(self, point: Point, origin: str) -> None:
        """Queue a point with each of its seeds; seeds that were run move on where repeats make sense."""
        if not _is_valid(self._config.base, point):
            return  # two hyperparameters contradict each other here; the source goes on to its next point
        config = self._config.base.with_hyperparameters(point)
        fixed = "seed" in point or origin == "enqueue" or not self._source.repeatable
        first = config.seed
        while not fixed and config.with_hyperparameters({"seed": first}).trial_id in self._seen:
            first += 1
            origin = "replicate"
        seeds = 1 if "seed" in point else self._config.search.seeds
        for seed in range(first, first + seeds):
            self._queue.append(Suggestion(config.with_hyperparameters({"seed": seed}), dict(point), origin))

    def _complete_groups(self, known: list[TrialRecord]) -> None:
        """A crash may have cut a configuration's seeds short: queue those that are missing."""
        groups = Counter(t.config.group_id for t in known)
        for trial in known:
            missing = self._config.search.seeds - groups.pop(trial.config.group_id, self._config.search.seeds)
            if missing > 0 and trial.origin not in ("enqueue", "replicate") and "seed" not in trial.hyperparameters:
                first = trial.config.seed
                for seed in range(first, first + self._config.search.seeds):
                    config = trial.config.with_hyperparameters({"seed": seed})
                    self._queue.append(Suggestion(config, trial.hyperparameters, trial.origin))


def _is_valid(base: TrialConfig, point: Point) -> bool:
    try:
        base.with_hyperparameters(point)
    except ValueError:
        return False
    return True


class _DesignSource:
    """Points of a fixed design, from the index after those already used."""

    def __init__(self, config: StudyConfig, space: Space, known: list[TrialRecord]) -> None:
        name = config.search.sampler
        self._design = DESIGNS[name](space, config.search.seed)
        self.repeatable = self._design.repeatable
        self._index = 0
        runs = Counter(t.config.group_id for t in known if t.origin in (name, "replicate"))
        used = sum(-(-n // config.search.seeds) for n in runs.values()) if self.repeatable else 0
        while used and (point := self.next_point()) is not None:
            used -= _is_valid(config.base, point)

    def next_point(self) -> Point | None:
        point = self._design.point(self._index)
        self._index += 1
        return point

    def started(self, suggestion: Suggestion) -> None:
        """A design does not look at what runs."""

    def tell(self, trial: TrialRecord) -> None:
        """A design does not look at results."""


class _SamplerSource:
    """An Optuna sampler over the study replayed from the ledger."""

    repeatable = True

    def __init__(
        self, config: StudyConfig, space: Space, known: list[TrialRecord], chance_error: float, classes: float
    ) -> None:
        self._space, self._classes = space, classes
        # A sampler that restarts must not draw its first points again: its seed moves on with the trials.
        seed = int(np.random.SeedSequence([config.search.seed, len(known)]).generate_state(1)[0])
        sampler = make_sampler(config, space, chance_error=chance_error, classes=classes, seed=seed)
        self._study = build_study(known, space, classes=classes, sampler=sampler)
        running = {t.user_attrs["trial_id"]: t for t in self._study.trials if not t.state.is_finished()}
        self._asked = {name: Trial(self._study, t._trial_id) for name, t in running.items()}
        self._latest: Trial | None = None  # behind the point that next_point gave, until it becomes a trial

    def next_point(self) -> Point | None:
        self._drop_unused()
        self._latest = self._study.ask(dict(self._space))
        return dict(self._latest.params)

    def started(self, suggestion: Suggestion) -> None:
        """Tie the trial to Optuna's; further seeds and enqueued points get one of their own."""
        point = point_of(suggestion.config, self._space)
        if point is None:
            return
        if self._latest is None or self._latest.params != point:
            self._study.enqueue_trial(point)
            self._asked[suggestion.config.trial_id] = self._study.ask(dict(self._space))
        else:
            self._asked[suggestion.config.trial_id], self._latest = self._latest, None

    def tell(self, trial: TrialRecord) -> None:
        asked = self._asked.pop(trial.trial_id, None)
        if asked is None:
            return
        for key, value in attributes(trial, self._classes).items():
            asked.set_user_attr(key, value)
        state, values = outcome(trial)
        self._study.tell(asked, values, state=state)

    def _drop_unused(self) -> None:
        """A suggestion that became no trial (its hyperparameters contradict each other) must not stay pending."""
        if self._latest is not None:
            self._study.tell(self._latest, state=TrialState.FAIL)
            self._latest = None
