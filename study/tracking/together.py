"""Several trials on their way to MLflow at a time."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

SERVED: Final = 4  # trials: a server waits for its disk, and this process for the server


def together(act: Callable[[str], None], trial_ids: Sequence[str]) -> list[Exception | None]:
    """``act`` of each trial, each in a thread of its own; what each raised, once all have come to an end.

    The threads hold up no exit: a server that hangs is left behind.
    """
    raised: dict[str, Exception] = {}

    def try_one(trial_id: str) -> None:
        try:
            act(trial_id)
        except Exception as error:  # noqa: BLE001  (the caller's to judge)
            raised[trial_id] = error

    first, *others = trial_ids
    threads = [threading.Thread(target=try_one, args=(one,), name="a trial's shipping", daemon=True) for one in others]
    for thread in threads:
        thread.start()
    try_one(first)
    for thread in threads:
        thread.join()
    return [raised.get(trial_id) for trial_id in trial_ids]
