"""The typed, frozen configuration of a study and of one trial.

Everything a run depends on is here, so that a study can be repeated from this file alone. Unknown keys are
refused. Nothing here imports torch, Ray, MLflow or Optuna: a config is checked before any of them starts.
"""

from fitscape.study.config.sections import (
    Choices,
    DataConfig,
    Hyperparameter,
    Metric,
    Range,
    RegimeThresholds,
    ResourceConfig,
    SearchConfig,
    TrackingConfig,
)
from fitscape.study.config.study import StudyConfig
from fitscape.study.config.trial import (
    HYPERPARAMETERS,
    RESERVED,
    Augment,
    DataCondition,
    Evaluation,
    Optimization,
    TrialConfig,
    Written,
    as_type_of,
)

__all__ = [
    "HYPERPARAMETERS",
    "RESERVED",
    "Augment",
    "Choices",
    "DataCondition",
    "DataConfig",
    "Evaluation",
    "Hyperparameter",
    "Metric",
    "Optimization",
    "Range",
    "RegimeThresholds",
    "ResourceConfig",
    "SearchConfig",
    "StudyConfig",
    "TrackingConfig",
    "TrialConfig",
    "Written",
    "as_type_of",
]
