"""The share of the space that a run is to decide: looked at as trials end, with what more trials would bring."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import numpy as np

from fitscape.study.config import StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.prospect import Shares, expected, limit, shares, spread
from fitscape.study.measures.wording import percent
from fitscape.study.opened import open_study
from fitscape.study.scheduling.estimate import spoken
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.outlook import Outlook
from fitscape.study.threads import beside

LEAST: Final = 16  # trials that must have ended before the map is asked
EACH: Final = 0.05  # of the trials that have ended, so many more before it is asked again
SHARE: Final = 20  # of the time, at most one part in so many is spent on it
LOOK_EVERY: Final = 0.25  # seconds
LAST_WORDS: Final = 10.0  # seconds in which the last look must be over
AHEAD: Final = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0)  # of the trials that have ended: how far is looked ahead


class Goal:
    """A thread that fits the map as trials end, says how far it is, and winds the run up once the goal is reached.

    Args:
        config: with ``search.until``.
        folder: the study's; its ledger is read.
        outlook: knows what is left, and how long trials take.
        interruption: ends the run.
        say: gets one sentence a look.
    """

    def __init__(
        self,
        config: StudyConfig,
        folder: Path,
        outlook: Outlook,
        interruption: Interruption,
        say: Callable[[str], None],
    ) -> None:
        assert config.search.until is not None
        self._config, self._goal = config, config.search.until.decided
        self._folder, self._outlook, self._interruption, self._say = folder, outlook, interruption, say
        self._seen, self._again, self._took = 0, 0.0, 0.0

    def pursued(self) -> AbstractContextManager[None]:
        """Inside, the thread runs."""
        return beside("the thread that looks at the map", self._work, self._say, leaves_within=LAST_WORDS)

    def _work(self, over: threading.Event) -> None:
        while not over.wait(LOOK_EVERY):
            if time.monotonic() >= self._again and not self._interruption.requested:
                self._look(least=math.ceil((1 + EACH) * self._seen))
        if not self._interruption.requested and self._took < LAST_WORDS / 2:
            self._look(least=self._seen + 1)

    def _look(self, least: int) -> None:
        """Once so many trials have ended; a look that finds nothing to do costs its share of the time as well."""
        begun = time.thread_time()
        if self._looked(least):
            self._took = time.thread_time() - begun
        self._again = time.monotonic() + SHARE * (time.thread_time() - begun)

    def _looked(self, least: int) -> bool:
        """Whether a map was fitted and something said."""
        with open_study(self._folder) as study:
            ended = sum(count for state, count in study.ledger.counts().items() if state.terminal)
            if ended < max(LEAST, least):
                return False
            self._seen = ended
            try:
                fitted = study.map
            except UserError:  # no trial has ended with finite numbers
                return False
        now = shares(fitted)
        if now.one >= self._goal:
            self._say(reached(now, self._goal))
            self._interruption.wind_up(f"{percent(now.one, 0)} of the space is decided, which reaches the goal")
        else:
            self._say(self._sentence(fitted, now))
        return True

    def _sentence(self, fitted: RegimeMap, now: Shares) -> str:
        left, fit = self._outlook.left, self._outlook.fit
        ahead = sorted({math.ceil(part * self._seen) for part in AHEAD} | ({fit} if fit <= 2 * self._seen else set()))
        curve = expected(fitted, ahead, seeds=self._config.search.seeds)
        return outlook_in_words(
            now=now,
            goal=self._goal,
            reach=limit(fitted).one,
            ended=self._seen,
            ahead=ahead,
            curve=[one.one for one in curve],
            left=left,
            fit=fit,
            seconds=self._outlook.seconds,
        )


def reached(now: Shares, goal: float) -> str:
    return f"decided: {_standing(now)}, and the goal was {percent(goal, 0)}"


def outlook_in_words(
    *,
    now: Shares,
    goal: float,
    reach: float,
    ended: int,
    ahead: Sequence[int],
    curve: Sequence[float],
    left: int,
    fit: int,
    seconds: Callable[[int], float | None],
) -> str:
    """How far the map is from its goal, and what the trials to come are expected to bring, in one sentence.

    Args:
        reach: the share that this validation set allows.
        ahead: numbers of trials, ascending.
        curve: the share with one regime that is expected after each of them.
        left: trials of the study that have not ended.
        fit: how many of them the run's time allows.
        seconds: what so many trials take; None: not known yet.
    """
    parts = [f"decided: {_standing(now)}"]
    if reach < goal:
        parts.append(
            f"the validation images allow about {percent(reach, 0)} at most, so {percent(goal, 0)} is out of reach"
        )
    else:
        parts.append(_way(now.one, goal, ahead, curve, left, seconds))
    if fit in ahead and fit:
        end = max(curve[ahead.index(fit)], now.one)
        which = f"the {fit} trials that are left" if fit == left else f"the {fit} trials that its time allows"
        low, high = (percent(max(0.0, min(1.0, 1 - end + d)), 0) for d in spread(fit / ended))
        took = seconds(fit)
        time_ = "" if took is None else f" ({spoken(took)})"
        parts.append(
            f"{which}{time_} bring the undecided share from {100 * (1 - now.one):.0f} to about {percent(1 - end, 0)} "
            f"({low} to {high})"
        )
    return "; ".join(parts)


def _way(
    now: float,
    goal: float,
    ahead: Sequence[int],
    curve: Sequence[float],
    left: int,
    seconds: Callable[[int], float | None],
) -> str:
    """How many more trials the goal takes."""
    rising = np.maximum.accumulate([now, *curve])
    if rising[-1] < goal:
        return f"{percent(goal, 0)} needs more than {ahead[-1]} more trials"
    needed = math.ceil(np.interp(goal, rising, [0, *ahead]))
    took = seconds(needed)
    more = f"{percent(goal, 0)} needs about {needed} more trials" + ("" if took is None else f", {spoken(took)}")
    return more if needed <= left else f"{more}, of which this study has {left} (--trials raises that)"


def _standing(now: Shares) -> str:
    return f"{percent(now.one, 0)} of the space has one regime, {percent(now.two, 0)} has two possible ones"
