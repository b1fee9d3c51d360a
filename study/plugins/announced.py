"""Code that installed packages announce by entry points: a study then names it by the announced name alone."""

from functools import cache
from importlib.metadata import entry_points

from fitscape.models.reference import is_reference

GROUPS = {"network": "fitscape.families", "data set": "fitscape.datasets", "sampler": "fitscape.samplers"}


@cache
def announced(role: str) -> dict[str, str]:
    """Announced name -> ``package.module:NAME``, of a role that packages can announce."""
    found = {point.name: point.value.partition(" ")[0] for point in entry_points(group=GROUPS[role])}
    return {name: value for name, value in sorted(found.items()) if is_reference(value)}
