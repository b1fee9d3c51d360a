"""Observers, each in a thread of its own: the driver never waits for a terminal, a pipe or a disk."""

from fitscape.study.scheduling.events import Event, Message, Observer
from fitscape.study.threads import Lane

ROOM = 1000  # events that may wait for an observer


class Aside:
    """An observer that passes every event on to others, and returns at once.

    Where one of them is slower than the run for long, it misses events, which it hears of as soon as it goes on.
    """

    def __init__(self, *observers: Observer) -> None:
        self._followers = [_Follower(observer) for observer in observers]

    def __call__(self, event: Event) -> None:
        for follower in self._followers:
            follower.put(event)

    def say(self, text: str) -> None:
        """One sentence for a person."""
        self(Message(text))

    def drain(self, within: float) -> None:
        """Wait until the observers know everything, for as long as each takes something every ``within`` seconds."""
        for follower in self._followers:
            follower.lane.drain(within)

    def close(self, within: float) -> None:
        """``drain``, and end the threads."""
        for follower in self._followers:
            follower.lane.close(within)


class _Follower:
    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.lane = Lane("the observer's thread", self._failed, room=ROOM)
        self._dropped = 0  # as far as it was said

    def put(self, event: Event) -> None:
        if self.lane.dropped > self._dropped and self.lane.waiting < ROOM // 2:
            lost, self._dropped = self.lane.dropped - self._dropped, self.lane.dropped
            self.lane.put(self._observer, Message(f"{lost} lines were left out: their reader was too slow"))
        self.lane.put(self._observer, event)

    def _failed(self, text: str) -> None:
        self._observer(Message(text))
