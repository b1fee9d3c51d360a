"""Where the points of a study come from: a design, a sampler that learns, or a sampler with an even part."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.trial import Trial, TrialState

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.records import TrialRecord
from fitscape.study.search.cost import CostModel
from fitscape.study.search.designs import DESIGNS, START, Sobol
from fitscape.study.search.optuna_study import attributes, build_study, measured, outcome
from fitscape.study.search.samplers import make_sampler
from fitscape.study.search.space import Point, Space, point_of, snapped

Array = NDArray[np.float64]

EVEN: Final = "sobol"  # origin of the even part's trials
EVERY: Final = 4  # one configuration in so many belongs to the even part after that
IMPOSSIBLE: Final = 100  # points of the design, in a row, whose hyperparameters contradict each other
LEAST_KNOWN: Final = START // 2  # configurations that must have ended before a sampler chooses


class Suggested(Protocol):
    """The part of ``study.search.asker.Suggestion`` that a source looks at."""

    @property
    def config(self) -> TrialConfig: ...
    @property
    def origin(self) -> str: ...


class PointSource(Protocol):
    """Points, one after another."""

    repeatable: bool  # whether a point that comes again is to run with its next seed
    origin: str  # of the latest point

    def next_point(self) -> Point | None:
        """None where there is none left."""

    def started(self, suggestion: Suggested) -> None:
        """A trial of a point, or an enqueued one, is handed out."""

    def tell(self, trial: TrialRecord) -> None:
        """A trial has ended."""


class DesignSource:
    """Points of a fixed design, from the first."""

    def __init__(self, config: StudyConfig, space: Space) -> None:
        self.origin = config.search.sampler
        self._design = DESIGNS[config.search.sampler](space, config.search.seed)
        self.repeatable = self._design.repeatable
        self._index = 0

    def next_point(self) -> Point | None:
        """None where there is none left."""
        point = self._design.point(self._index)
        self._index += 1
        return point

    def started(self, suggestion: Suggested) -> None:
        """A design does not look at what runs."""

    def tell(self, trial: TrialRecord) -> None:
        """A design does not look at results."""


class SamplerSource:
    """An Optuna sampler over the study replayed from the ledger."""

    repeatable = True

    def __init__(
        self,
        config: StudyConfig,
        space: Space,
        known: list[TrialRecord],
        chance_error: float,
        classes: float,
        cost: CostModel | None = None,
    ) -> None:
        self.origin = config.search.sampler
        self._space, self._classes = space, classes
        self._base, self._cost = config.base, cost
        # A sampler that restarts must not draw its first points again: its seed moves on with the trials.
        seed = int(np.random.SeedSequence([config.search.seed, len(known)]).generate_state(1)[0])
        sampler = make_sampler(config, space, chance_error=chance_error, classes=classes, seed=seed, cost=self._seconds)
        self._study = build_study(known, space, classes=classes, sampler=sampler)
        running = {t.user_attrs["trial_id"]: t for t in self._study.trials if not t.state.is_finished()}
        self._asked = {name: Trial(self._study, t._trial_id) for name, t in running.items()}
        self._latest: Trial | None = None  # behind the point that next_point gave, until it becomes a trial

    def next_point(self) -> Point | None:
        self._drop_unused()
        self._latest = self._study.ask(dict(self._space))
        return self._params(self._latest)

    def started(self, suggestion: Suggested) -> None:
        """Tie the trial to Optuna's; further seeds and enqueued points get one of their own."""
        point = point_of(suggestion.config, self._space)
        if point is None:
            return
        if self._latest is None or self._params(self._latest) != point:
            self._study.enqueue_trial(point)
            self._asked[suggestion.config.trial_id] = self._study.ask(dict(self._space))
        else:
            self._asked[suggestion.config.trial_id], self._latest = self._latest, None

    def _seconds(self, points: Sequence[Point]) -> Array | None:
        """[n] what trials at these points take, relative to each other; None: not known yet.

        A point that no trial can have is as dear as the dearest.
        """
        if self._cost is None or not self._cost.known:
            return None
        configs = [valid(self._base, point) for point in points]
        possible = [config for config in configs if config is not None]
        if not possible:
            return None
        each, _ = self._cost.epoch(possible)
        found = iter(each * [config.optimization.epochs for config in possible])
        dearest = float(np.max(each * [config.optimization.epochs for config in possible]))
        return np.array([dearest if config is None else next(found) for config in configs])

    def _params(self, trial: Trial) -> Point:
        return {name: snapped(value, self._space[name]) for name, value in trial.params.items()}

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


class MixedSource:
    """A sampler that learns, with an even part that looks at neither results nor prices.

    The first ``START`` configurations and one in ``EVERY`` after them are a scrambled Sobol design: a fair sample of
    the space, whatever the sampler makes of the rest. Enqueued points count for neither.
    """

    repeatable = True

    def __init__(self, config: StudyConfig, space: Space, known: list[TrialRecord], sampler: SamplerSource) -> None:
        self._space = space
        self._sampler, self._design, self._base = sampler, Sobol(space, config.search.seed), config.base
        self._sampled_as, self._seeds = config.search.sampler, config.search.seeds
        self.origin = EVEN
        self._handed_out = sum(trial.origin != "enqueue" for trial in known)
        self._measured: set[str] = set()
        for trial in known:
            self._count(trial)
        self._index = 0  # of the design's next point
        self._pass_over({trial.config.group_id for trial in known if trial.origin != "enqueue"})

    def next_point(self) -> Point | None:
        """The design's or the sampler's; ``origin`` says which."""
        drawn = self._handed_out // self._seeds
        late = drawn >= START and len(self._measured) >= LEAST_KNOWN
        if late and (drawn - START) % EVERY != EVERY - 1:
            self.origin = self._sampled_as
            return self._sampler.next_point()
        self.origin = EVEN
        self._index += 1
        return self._design.point(self._index - 1)

    def started(self, suggestion: Suggested) -> None:
        """The sampler learns of the even part's trials too; those of a replay may be ahead of the design."""
        self._handed_out += suggestion.origin != "enqueue"
        if suggestion.origin == EVEN:
            self._pass_over({suggestion.config.group_id})
        self._sampler.started(suggestion)

    def tell(self, trial: TrialRecord) -> None:
        """The same."""
        self._count(trial)
        self._sampler.tell(trial)

    def _count(self, trial: TrialRecord) -> None:
        if measured(trial, 2) is not None and point_of(trial.config, self._space) is not None:
            self._measured.add(trial.config.group_id)

    def _pass_over(self, groups: set[str]) -> None:
        """Go on at the design's first point that has not been handed out."""
        for _ in range(len(groups) + IMPOSSIBLE):
            config = valid(self._base, self._design.point(self._index) or {})
            if config is not None and config.group_id not in groups:
                return
            self._index += 1


def valid(base: TrialConfig, point: Point) -> TrialConfig | None:
    """The trial of a point; None where two of its hyperparameters contradict each other."""
    try:
        return base.with_hyperparameters(point)
    except ValueError:
        return None
