"""What the nodes of a cluster answer, each asked by a task of its own."""

from collections.abc import Callable, Mapping
from typing import Any, Final

# A node's first task waits for the job's code and for a process that imports it: seconds, or minutes where packages lie
# on a slow network disk. Of a node that has gone Ray says so at once: only one that hangs takes so long.
ANSWER_WITHIN: Final = 300.0  # seconds for all nodes together
SAID_AFTER: Final = 20.0


def answers(
    asked: Mapping[Any, str], say: Callable[[str], None] = lambda text: None, *, within: float = ANSWER_WITHIN
) -> dict[str, Any]:
    """What each task returned, by the id of its node; nodes that went away or are silent for so long are missing.

    Args:
        asked: the reference of each task -> the id of its node.
        say: gets a sentence where it takes long.
        within: seconds.
    """
    import ray

    if not asked:
        return {}
    references, first = list(asked), min(SAID_AFTER, within)
    ready, silent = ray.wait(references, num_returns=len(references), timeout=first)
    if silent and within > first:
        say(f"{len(silent)} of {len(asked)} nodes have not answered yet: they are waited for, {within:g} s at most")
        ready, _ = ray.wait(references, num_returns=len(references), timeout=within - first)
    found = {}
    for reference in ready:
        try:
            found[asked[reference]] = ray.get(reference)
        except ray.exceptions.RayError:  # the node went away while it was asked: it has not answered
            continue
    return found
