"""One trial: data in, epoch records out."""

from study.training.calibration import choose_settings
from study.training.loop import Progress, run_trial
from study.training.memory import TrialOutOfMemory
from study.training.settings import Settings

__all__ = ["Progress", "Settings", "TrialOutOfMemory", "choose_settings", "run_trial"]
