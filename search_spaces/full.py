"""Every hyperparameter at once: for hundreds of trials on a cluster."""

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

SPACE: dict[str, BaseDistribution] = {
    "architecture": CategoricalDistribution(["resnet18", "resnet34", "plain18", "plain34", "densenet121"]),
    "width": FloatDistribution(0.125, 2.0, log=True),
    "norm": CategoricalDistribution(["batch", "group", "none"]),
    "init": CategoricalDistribution(["he", "glorot", "gaussian"]),
    "lr": FloatDistribution(1e-3, 1.0, log=True),
    "weight_decay": FloatDistribution(1e-6, 1e-1, log=True),
    "dropout": FloatDistribution(0.0, 0.7),
    "augment": CategoricalDistribution(["none", "crop", "crop_flip", "crop_flip_cutout"]),
    "train_fraction": FloatDistribution(0.05, 1.0, log=True),
    "label_noise": FloatDistribution(0.0, 0.4),
    "batch_size": IntDistribution(32, 512, log=True),
    "epochs": IntDistribution(4, 64, log=True),
}
