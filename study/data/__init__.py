"""Data sets, sealed splits, a trial's subset and its augmentation.

The names are loaded when first used: the preflight asks `datasets` without importing torch.
"""

from typing import TYPE_CHECKING

from fitscape.study.data.datasets import check_files
from fitscape.study.lazy import lazy

if TYPE_CHECKING:
    from fitscape.study.data.sealed import SealedData as SealedData
    from fitscape.study.data.sealed import load as load
    from fitscape.study.data.subset import TrainSubset as TrainSubset
    from fitscape.study.data.subset import probe as probe
    from fitscape.study.data.subset import select as select
    from fitscape.study.data.trial_data import TrialData as TrialData

__getattr__, _lazy = lazy(
    {
        "SealedData": "fitscape.study.data.sealed",
        "TrainSubset": "fitscape.study.data.subset",
        "TrialData": "fitscape.study.data.trial_data",
        "load": "fitscape.study.data.sealed",
        "probe": "fitscape.study.data.subset",
        "select": "fitscape.study.data.subset",
    }
)
__all__ = ["check_files", *_lazy]
