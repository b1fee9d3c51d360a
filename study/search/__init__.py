"""Which trials to run: designs, Optuna samplers, the stopping rule. Heavy parts are imported when first used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.search.asker import Asker, Suggestion
    from study.search.regime_sampler import RegimeSampler
    from study.search.stopping import StoppingRule

__all__ = ["Asker", "RegimeSampler", "StoppingRule", "Suggestion"]

_HOMES = {
    "Asker": "study.search.asker",
    "RegimeSampler": "study.search.regime_sampler",
    "StoppingRule": "study.search.stopping",
    "Suggestion": "study.search.asker",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'study.search' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
