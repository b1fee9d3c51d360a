"""Data sets, sealed splits, a trial's subset and its augmentation.

The names are loaded when first used: the preflight asks `datasets` without importing torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from study.data.datasets import check_files

if TYPE_CHECKING:
    from study.data.sealed import SealedData as SealedData
    from study.data.sealed import load as load
    from study.data.subset import TrainSubset as TrainSubset
    from study.data.subset import probe as probe
    from study.data.subset import select as select
    from study.data.trial_data import TrialData as TrialData

_HOMES = {
    "SealedData": "sealed",
    "load": "sealed",
    "TrainSubset": "subset",
    "probe": "subset",
    "select": "subset",
    "TrialData": "trial_data",
}

__all__ = ["check_files", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
