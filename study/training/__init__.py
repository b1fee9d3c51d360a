"""One trial: data in, epoch records out."""

from fitscape.study.training.calibration import choose_settings
from fitscape.study.training.loop import Progress, run_trial
from fitscape.study.training.memory import AttemptOutOfMemory, TrialOutOfMemory
from fitscape.study.training.settings import SAFE_FORMAT, Settings

__all__ = [
    "SAFE_FORMAT",
    "AttemptOutOfMemory",
    "Progress",
    "Settings",
    "TrialOutOfMemory",
    "choose_settings",
    "run_trial",
]
