"""Trials for Tune to run: unfinished ones first, then what the search asks for, asked ahead in the background."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ray.tune.search import Searcher

from fitscape.study.config import TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.patience import insist
from fitscape.study.records import TrialRecord


class Live:
    """Tuner pickles its parts for ``Tuner.restore``, which is never used here; these hold threads and locks."""

    def __reduce__(self) -> tuple[Any, ...]:
        return object, ()


IDLE = 0.1  # seconds that Tune's loop rests in a turn in which nothing is out
ADD_WITHIN = 120.0  # seconds in which the ledger may refuse a new trial, as a full disk makes it


class Asks(Protocol):
    """The part of ``study.search.Asker`` that is needed here."""

    def ask(self) -> Any: ...

    @property
    def remaining(self) -> int: ...


class Feed(Live, Searcher):
    """Tune's search algorithm. ``suggest`` runs in Tune's loop and never waits for the sampler.

    Args:
        pending: trials of the ledger that have not ended, in the order to run them; those that have epochs
            behind them are continued before anything else.
        asker: where further trials come from.
        add: writes a new trial into the ledger; from then on a crash cannot lose it.
        room: how many trials may be handed out and not ended.
        ahead: how many to ask for before they are wanted. A deep queue hides a slow sampler and lets the longest
            of the last trials go first.
        drawn: most trials that may have been asked for and not ended; None: any number. A sampler that learns is to
            see results before it draws.
        attempt: what a worker gets beside the trial: JSON, asked at each hand-out.
        stopped: whether nothing more is to be handed out.
        allows: whether a trial that begins now can still end in time; one that cannot waits for another run.
        cost: a trial's relative duration. When nothing is left to ask, the longest goes first, so that no slot
            stands idle while another begins the longest trial.
    """

    def __init__(
        self,
        pending: Iterable[TrialRecord],
        asker: Asks,
        *,
        add: Callable[[Any], TrialConfig],
        room: Callable[[], int],
        ahead: int,
        cost: Callable[[TrialConfig], float],
        drawn: Callable[[], int] | None = None,
        attempt: Callable[[], dict[str, Any]] = dict,
        stopped: Callable[[], bool] = lambda: False,
        allows: Callable[[TrialConfig], bool] = lambda config: True,
    ) -> None:
        super().__init__()
        self._asker, self._add, self._room, self._ahead, self._cost = asker, add, room, ahead, cost
        self._drawn, self._attempt, self._stopped, self._allows = drawn, attempt, stopped, allows
        self.out_of_time = False  # no trial that is left can end in time
        self.paused = False  # nothing is handed out for now
        self._told: dict[str, dict[str, Any]] = {}  # what a trial's next attempt gets
        self._held: dict[str, TrialConfig] = {}  # of which it is not known yet whether they are tried again
        waiting = list(pending)
        self._first = deque(trial.config for trial in waiting if trial.epochs)
        self._ready = [(trial.config, cost(trial.config)) for trial in waiting if not trial.epochs]
        self._out: dict[str, str] = {}  # Tune's id -> ours
        self._changed = threading.Condition()
        self._exhausted = self._closed = False
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._ask_ahead, name="ask-ahead", daemon=True)
        self._thread.start()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial; None to be asked again, FINISHED when there is none left."""
        with self._changed:
            if not self._out:
                self._changed.wait_for(lambda: self._closed or self._can_answer, timeout=IDLE)
            if self._closed or self._stopped():
                return Searcher.FINISHED
            if self._exhausted and not (self._left or self._out or self._held):  # what is out may come back
                return Searcher.FINISHED
            if self.paused or not self._left or len(self._out) >= self._room():
                return None
            config = self._take()
            if config is None:
                asking = self._wanted and not self._exhausted
                if self._out or self._held or asking:  # perhaps it is over sooner than expected, or others come
                    if not self._out:
                        self._changed.wait(timeout=IDLE)
                    return None
                self.out_of_time = True
                return Searcher.FINISHED
            self._out[trial_id] = config.trial_id
            self._changed.notify_all()
            told = self._told.pop(config.trial_id, {})
        return {"trial": config.model_dump_json(), "id": config.trial_id, **self._attempt(), **told}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A place is free again. What the trial measured reaches the sampler through the ledger."""
        with self._changed:
            self._out.pop(trial_id, None)
            self._changed.notify_all()

    def again(self, config: TrialConfig, **told: Any) -> None:
        """A trial that was handed out is to be handed out once more, before all others, with what is given."""
        with self._changed:
            self._told[config.trial_id] = told
            self._held.pop(config.trial_id, None)
            self._first.append(config)
            self._changed.notify_all()

    def hold(self, config: TrialConfig) -> None:
        """Whether a trial is handed out again is decided later: by `again`, or by `let_go`."""
        with self._changed:
            self._held[config.trial_id] = config

    def let_go(self, trial_id: str) -> TrialConfig | None:
        """The trial that was held."""
        with self._changed:
            self._changed.notify_all()
            return self._held.pop(trial_id, None)

    @property
    def waiting(self) -> list[TrialConfig]:
        """Trials that are drawn and not handed out."""
        with self._changed:
            return [*self._first, *self._held.values(), *(config for config, _ in self._ready)]

    @property
    def left(self) -> int:
        """Trials that have not ended."""
        with self._changed:
            return self._left + len(self._out) + len(self._held) + self._asker.remaining

    def close(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout=1)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""

    @property
    def _left(self) -> int:
        return len(self._first) + len(self._ready)

    @property
    def _can_answer(self) -> bool:
        """Whether there is a trial to hand out, or none will come."""
        return not self.paused if self._left else self._exhausted and not self._held

    @property
    def _wanted(self) -> bool:
        if self._drawn is not None and self._left + len(self._out) + len(self._held) >= self._drawn():
            return False
        return len(self._ready) < self._ahead

    def _take(self) -> TrialConfig | None:
        """The next trial that can end in time, no longer in the queue; None: no trial there can."""
        for config in self._first:
            if self._allows(config):
                self._first.remove(config)
                return config
        order = range(len(self._ready))
        longest_first = sorted(order, key=lambda i: -self._ready[i][1]) if self._exhausted else order
        for index in longest_first:
            if self._allows(self._ready[index][0]):
                return self._ready.pop(index)[0]
        return None

    def _ask_ahead(self) -> None:
        try:
            while True:
                with self._changed:
                    while not (self._closed or self._wanted):  # slots come and go without a word
                        self._changed.wait(timeout=1.0)
                    if self._closed:
                        return
                suggestion = self._asker.ask()  # may take seconds: not under the lock
                if suggestion is None:
                    return
                config = insist(lambda s=suggestion: self._add(s), within=ADD_WITHIN, refusals=(UserError,))  # type: ignore[misc]
                ready = config, self._cost(config)
                with self._changed:
                    self._ready.append(ready)
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001  (ends the asking, not the trials; the run raises it at its end)
            self.error = error
        finally:
            with self._changed:
                self._exhausted = True
                self._changed.notify_all()
