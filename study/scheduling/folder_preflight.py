"""Whether the nodes of a cluster see images of one's own at the path that the study names."""

from pathlib import Path

from fitscape.study.scheduling.checks import PreflightCheck
from fitscape.study.scheduling.cluster import Cluster, errand

BY_PATH = ("folder", "csv", "hf")  # data sets that are a path
ANSWER_WITHIN = 60.0  # seconds


def look_at_path(cluster: Cluster, dataset: str) -> list[PreflightCheck]:
    """Of a study that is driven from here the data travel by themselves: a node that lacks the path is no fault.

    A job that `fitscape submit --no-upload` starts there reads the path itself.

    Args:
        cluster: entered.
        dataset: ``data.dataset``.
    """
    kind, _, path = dataset.partition(":")
    if cluster.local or kind not in BY_PATH:
        return []
    import ray

    asked = {errand(_sees, node.id).remote(path): node.host for node in cluster.nodes() if node.cpus}
    ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_WITHIN)
    lacking = []
    for reference in ready:
        try:
            if not ray.get(reference):
                lacking.append(asked[reference])
        except ray.exceptions.RayError:  # the node went away: the look at the nodes says so
            continue
    if not lacking:
        return [PreflightCheck(f"{path} is on every node", True)]
    what = f"{path} is not on {', '.join(sorted(lacking))}: a study that is driven there cannot read it"
    fix = "submit it without --no-upload, which sends the images, or put them where every node sees them"
    return [PreflightCheck(what, False, fix, fatal=False)]


def _sees(path: str) -> bool:
    return Path(path).expanduser().exists()
