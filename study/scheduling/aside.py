"""An observer in a thread of its own: the driver never waits for a terminal or a pipe."""

from fitscape.study.scheduling.events import Event, Message, Observer
from fitscape.study.threads import Lane

ROOM = 1000  # events that may wait for an observer


class Aside:
    """An observer that passes every event on to another one, and returns at once.

    Where that one is slower than the run for long, events are dropped, which is said as soon as it goes on.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._lane = Lane("the observer's thread", self._failed, room=ROOM)
        self._dropped = 0  # as far as it was said

    def __call__(self, event: Event) -> None:
        if self._lane.dropped > self._dropped and self._lane.waiting < ROOM // 2:
            lost, self._dropped = self._lane.dropped - self._dropped, self._lane.dropped
            self._lane.put(self._observer, Message(f"{lost} lines were left out: their reader was too slow"))
        self._lane.put(self._observer, event)

    def say(self, text: str) -> None:
        """One sentence for a person."""
        self(Message(text))

    def drain(self, within: float) -> None:
        """Wait until the observer knows everything, for as long as it takes something every ``within`` seconds."""
        self._lane.drain(within)

    def close(self, within: float) -> None:
        """``drain``, and end the thread."""
        self._lane.close(within)

    def _failed(self, text: str) -> None:
        self._observer(Message(text))
