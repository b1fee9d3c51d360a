"""Whether the nodes of a cluster see images of one's own at the path that the study names."""

from pathlib import Path

from fitscape.study.scheduling.answers import answers
from fitscape.study.scheduling.checks import PreflightCheck
from fitscape.study.scheduling.cluster import Cluster, errand

BY_PATH = ("folder", "csv", "hf")  # data sets that are a path


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
    hosts = {node.id: node.host for node in cluster.nodes() if node.cpus}
    seen = answers({errand(_sees, node_id).remote(path): node_id for node_id in hosts})
    if silent := sorted(hosts[node_id] for node_id in hosts.keys() - seen.keys()):
        what = f"whether {path} is on {', '.join(silent)} is not known: no answer"
        return [PreflightCheck(what, False, "look at it with `ray status`", fatal=False)]
    if all(seen.values()):
        return [PreflightCheck(f"{path} is on every node", True)]
    lacking = sorted(hosts[node_id] for node_id, sees in seen.items() if not sees)
    what = f"{path} is not on {', '.join(lacking)}: a study that is driven there cannot read it"
    fix = "submit it without --no-upload, which sends the images, or put them where every node sees them"
    return [PreflightCheck(what, False, fix, fatal=False)]


def _sees(path: str) -> bool:
    return Path(path).expanduser().exists()
