"""How much capacity: family, width and learning rate, from far too small to far too large."""

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

SPACE: dict[str, BaseDistribution] = {
    "architecture": CategoricalDistribution(["resnet18", "resnet34", "plain18", "plain34", "densenet121"]),
    "width": FloatDistribution(0.125, 2.0, log=True),
    "lr": FloatDistribution(1e-3, 1.0, log=True),
}
