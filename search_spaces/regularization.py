"""How much regularization: weight decay, dropout, augmentation and learning rate."""

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

SPACE: dict[str, BaseDistribution] = {
    "weight_decay": FloatDistribution(1e-6, 1e-1, log=True),
    "dropout": FloatDistribution(0.0, 0.7),
    "augment": CategoricalDistribution(["none", "crop", "crop_flip", "crop_flip_cutout"]),
    "lr": FloatDistribution(1e-3, 1.0, log=True),
}
