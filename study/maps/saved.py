"""A fitted map as arrays, and back: what its trials said and the numbers that the fit has found.

Factors of covariances are left out. They are most of a map's memory and a small part of the time that a fit takes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.divergence import LATENT, DivergenceField
from fitscape.study.maps.error_models import Fields
from fitscape.study.maps.gp import GaussianProcess
from fitscape.study.maps.inducing import restored
from fitscape.study.maps.kernel import Array, Hyper
from fitscape.study.maps.posterior import Component, FieldBelief, Posterior
from fitscape.study.maps.regime_map import RegimeMap

Arrays = Mapping[str, Any]
_SCALARS = ("reference", "expected", "variance")
_BELIEF = ("widen", "hidden", "left_out")


def arrays(fitted: RegimeMap) -> dict[str, Any]:
    """Arrays of numbers and text by name; without objects, so that reading them runs no code."""
    fields, posterior = fitted.fields, fitted.posterior
    components = posterior.components
    found: dict[str, Any] = {
        "cuts": np.array(json.dumps(asdict(fitted.cuts))),
        "field_cuts": np.array(json.dumps(asdict(fields.cuts))),
        "evidence": np.asarray(fitted.evidence, dtype=str),
        "features": fitted.features,
        "diverged": fitted.diverged,
        "images": np.array(posterior.images),
        "tried": posterior.tried,
        **{f"component.{name}": np.array([getattr(one, name) for one in components]) for name in _SCALARS},
    }
    if not posterior.given:
        found["component.best"] = np.array([one.best for one in components])
    for name in ("val", "train"):
        beliefs: list[FieldBelief] = [getattr(one, name) for one in components]
        found |= {f"{name}.{part}": value for part, value in getattr(fields, name).state.items()}
        found[f"{name}.hypers"] = np.array([belief.gp.hyper.vector for belief in beliefs])
        found |= {f"{name}.{part}": np.array([getattr(belief, part) for belief in beliefs]) for part in _BELIEF}
        for k, belief in enumerate(beliefs):
            found |= {f"{name}.{k}.{part}": value for part, value in belief.gp.posterior.items()}
    return found | {f"divergence.{part}": value for part, value in fields.divergence.gp.state.items()}


def restore(empty: RegimeMap, kept: Arrays) -> RegimeMap:
    """The map of these arrays, which gives what it gave.

    Args:
        empty: made with the arguments of the map that was saved, and not fitted.

    Raises:
        KeyError, ValueError: these are not the arrays of a map.
    """
    diverged = kept["diverged"]
    val, train = (restored(_part(kept, name)) for name in ("val", "train"))
    latent = restored(_part(kept, "divergence"), LATENT)
    fields = Fields.restored(_cuts(kept, "field_cuts"), val, train, DivergenceField.settled(latent, diverged))
    features: Array = kept["features"]
    posterior = Posterior(fields, given=empty.given, images=float(kept["images"]), seed=empty.seed)
    posterior.tried = kept["tried"]
    posterior.components = [_component(kept, k, val, train) for k in range(len(kept["component.reference"]))]
    posterior.val = [one.val for one in posterior.components]
    posterior.val_processes = [belief.gp for belief in posterior.val]
    return empty.adopt(features, kept["evidence"].astype(object), diverged, _cuts(kept, "cuts"), fields, posterior)


def _component(kept: Arrays, k: int, val: GaussianProcess, train: GaussianProcess) -> Component:
    beliefs: dict[str, Any] = {
        name: FieldBelief(
            gp.under(Hyper.of(kept[f"{name}.hypers"][k])).adopt(_part(kept, f"{name}.{k}")),
            *(kept[f"{name}.{part}"][k] for part in _BELIEF),
        )
        for name, gp in (("val", val), ("train", train))
    }
    scalars: dict[str, Any] = {name: float(kept[f"component.{name}"][k]) for name in _SCALARS}
    return Component(**beliefs, **scalars, best=kept["component.best"][k] if "component.best" in kept else None)


def _part(kept: Arrays, name: str) -> dict[str, Any]:
    return {key.removeprefix(f"{name}."): kept[key] for key in kept if key.startswith(f"{name}.")}


def _cuts(kept: Arrays, name: str) -> Cuts:
    return Cuts(**json.loads(str(kept[name])))
