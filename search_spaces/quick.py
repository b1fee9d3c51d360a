"""Family, width, train fraction and weight decay: a first look in minutes."""

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

SPACE: dict[str, BaseDistribution] = {
    "architecture": CategoricalDistribution(["resnet18", "plain18", "densenet121"]),
    "width": FloatDistribution(0.125, 0.5, log=True),
    "train_fraction": FloatDistribution(0.05, 1.0, log=True),
    "weight_decay": FloatDistribution(1e-4, 1e-1, log=True),
}
