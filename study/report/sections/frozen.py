"""What numbers of frozen stages leave to be tuned, and what starting weights were trained on."""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import CategoricalDistribution

from fitscape.study.findings import learning_stages
from fitscape.study.report import wording
from fitscape.study.report.subject import Subject


def frozen(subject: Subject, point: Mapping[str, Any]) -> list[str]:
    """``0 (all stages)``, ``3 (layer3 and what follows)``, of the recommended net; empty where stages are not searched
    among a few values."""
    distribution = subject.space.get("freeze")
    if not isinstance(distribution, CategoricalDistribution):
        return []
    model = subject.config.base.with_hyperparameters(dict(point)).model
    return [
        f"{wording.value('freeze', n)} ({learning_stages(model, n)})"
        for n in distribution.choices
        if isinstance(n, int)
    ]
