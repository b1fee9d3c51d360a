"""How much data, how clean: train fraction and label noise against width."""

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

SPACE: dict[str, BaseDistribution] = {
    "architecture": CategoricalDistribution(["resnet18", "plain18", "densenet121"]),
    "width": FloatDistribution(0.125, 1.0, log=True),
    "train_fraction": FloatDistribution(0.01, 1.0, log=True),
    "label_noise": FloatDistribution(0.0, 0.6),
}
