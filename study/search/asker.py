"""What to run next, all in all: enqueued points, then the design or the adaptive sampler, each over its seeds."""

import contextlib
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.measures.metric import judged
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.rule import balanced
from fitscape.study.samplers import sampler_of
from fitscape.study.search.cost import CostModel
from fitscape.study.search.designs import DESIGNS
from fitscape.study.search.sources import DesignSource, MixedSource, PointSource, SamplerSource, valid
from fitscape.study.search.space import Point, Space, resolve, snapped

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
    a repeat is information). Thread-safe: results may arrive while another thread asks.

    Args:
        config: the study; its ``search.trials`` is the total, what is already there included.
        trials: what the ledger holds, in order.
        chance_error: error of always answering the majority class, on validation.
        classes: of the data set; None: balanced, as many as the chance error says.
        cost: what trials take; None: the same for all.
        replay: what the study that is repeated drew, in order: handed out before anything new is drawn.
    """

    def __init__(
        self,
        config: StudyConfig,
        trials: Iterable[TrialRecord] = (),
        *,
        chance_error: float,
        classes: float | None = None,
        cost: CostModel | None = None,
        replay: Iterable[Suggestion] = (),
        space: Space | None = None,
    ) -> None:
        self._config = config
        self._space = resolve(config) if space is None else space
        self._lock = threading.Lock()
        self._told: SimpleQueue[TrialRecord] = SimpleQueue()  # ended trials that the source has not learnt from yet
        known = [judged(trial, config.data.metric) for trial in trials]
        # A trial of an old ledger whose value misses the grid by rounding is the trial of the value on the grid.
        self._known = {t.trial_id for t in known} | {self._on_grid(t.config).trial_id for t in known}
        self._made = len(known)
        self._queue: deque[Suggestion] = deque()
        self._source: PointSource
        if config.search.sampler in DESIGNS:
            # A design is gone through again from its first point; what is known is passed over.
            self._source, self._seen = DesignSource(config, self._space), set()
        else:
            classes = classes or balanced(chance_error)
            sampler = SamplerSource(config, self._space, known, chance_error, classes, cost)
            mixed = sampler_of(config.search.sampler).even_part
            self._source = MixedSource(config, self._space, known, sampler) if mixed else sampler
            self._seen = set(self._known)
        for point in config.enqueue:
            self._put(point, "enqueue")
        self._queue.extend(replay)
        if config.search.sampler not in DESIGNS:
            self._complete_groups(known)

    @property
    def remaining(self) -> int:
        """How many trials are still to be handed out."""
        return max(0, self._config.search.trials - self._made)

    def ask(self) -> Suggestion | None:
        """The next trial; None when the target is reached or the space is exhausted."""
        with self._lock:
            self._learn()
            if self.remaining == 0:
                return None
            refused = 0
            while refused < MAX_REFUSED:
                while self._queue:
                    suggestion = self._queue.popleft()
                    trial_id = suggestion.config.trial_id
                    if trial_id not in self._seen and trial_id not in self._known:
                        return self._hand_out(suggestion)
                    refused = 0 if trial_id not in self._seen else refused
                    self._seen.add(trial_id)
                point = self._source.next_point()
                if point is None:
                    return None
                refused += 1
                self._put(point, self._source.origin)
            return None

    def tell(self, trial: TrialRecord) -> None:
        """A trial has ended; adaptive samplers learn from it, once, before they are next asked.

        It never waits: a sampler may think for a minute, and the ledger's writer calls this.
        """
        self._told.put(trial)

    def _learn(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._source.tell(judged(self._told.get_nowait(), self._config.data.metric))

    def _hand_out(self, suggestion: Suggestion) -> Suggestion:
        self._seen.add(suggestion.config.trial_id)
        self._made += 1
        self._source.started(suggestion)
        return suggestion

    def _put(self, point: Point, origin: str) -> None:
        """Queue a point with each of its seeds; seeds that were run move on where repeats make sense."""
        if valid(self._config.base, point) is None:
            return  # two hyperparameters contradict each other here; the source goes on to its next point
        point = {name: snapped(v, self._space[name]) if name in self._space else v for name, v in point.items()}
        config = self._config.base.with_hyperparameters(point)
        fixed = "seed" in point or origin == "enqueue" or not self._source.repeatable
        first = config.seed
        while not fixed and config.with_hyperparameters({"seed": first}).trial_id in self._seen:
            first += 1
            origin = "replicate"
        seeds = 1 if "seed" in point else self._config.search.seeds
        for seed in range(first, first + seeds):
            self._queue.append(Suggestion(config.with_hyperparameters({"seed": seed}), dict(point), origin))

    def _on_grid(self, config: TrialConfig) -> TrialConfig:
        """The config with values that miss a stepped range's grid by rounding put on it."""
        flat = config.flat()
        values = {name: (flat[name], snapped(flat[name], d)) for name, d in self._space.items() if name in flat}
        moved = {name: new for name, (old, new) in values.items() if old != new}
        return config.with_hyperparameters(moved) if moved else config

    def _complete_groups(self, known: list[TrialRecord]) -> None:
        """A crash may have cut a configuration's seeds short, those of a repeat too: queue the missing ones."""
        groups: dict[str, list[TrialRecord]] = {}
        for trial in known:
            if trial.origin != "enqueue" and "seed" not in trial.hyperparameters:
                groups.setdefault(trial.config.group_id, []).append(trial)
        for trials in groups.values():
            missing, last = -len(trials) % self._config.search.seeds, max(trials, key=lambda t: t.config.seed)
            for seed in range(last.config.seed + 1, last.config.seed + 1 + missing):
                config = last.config.with_hyperparameters({"seed": seed})
                self._queue.append(Suggestion(config, last.hyperparameters, last.origin))
