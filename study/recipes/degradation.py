"""Do deeper nets train worse? Plain and residual nets of rising depth, and a control that only overfits.

Command: ``fitscape run degradation`` (on digits), ``fitscape run degradation --set data.dataset=fashion_mnist``
Time: about 5 minutes on 2 cores, 4 on Fashion-MNIST; a few hours on one GPU at ``hours``; days at ``paper``, which is
He et al. 2015, section 4.2: CIFAR-10, batches of 128, 64,000 steps.
Expected: training error of plain-56 about 0.74 on digits and 0.53 on Fashion-MNIST, of plain-20 0.01 and 0.07, of every
ResNet below 0.01 (five paired seeds, each depth at the best of three learning rates); the control with little data
overfits and raises no alarm.
"""

from fitscape.models.spec import ModelSpec
from fitscape.study.config import (
    Choices,
    DataCondition,
    DataConfig,
    Optimization,
    SearchConfig,
    StudyConfig,
    TrialConfig,
)
from fitscape.study.recipes.scale import Scale, data_at, dataset_at, steps_at

SEEDS = 5
RATES = (0.01, 0.03, 0.1)
# A few hundred images, twice the steps: nets of either depth fit them, so that all they can do wrong is overfit. On
# fewer images one of them would be more than the rise that is tested for.
CONTROL_NETS = ("plain20", "plain32")


def recipe(scale: Scale, dataset: str | None) -> StudyConfig:
    """The control, then every depth at every learning rate, each over five seeds."""
    dataset = dataset_at(scale, dataset)
    nets = tuple(f"{family}{depth}" for family in ("plain", "resnet") for depth in _depths(scale, dataset))
    base = _trial(scale, dataset)
    rates = (0.1,) if scale == "paper" else RATES
    few = {"train_fraction": 0.15 if dataset == "digits" else 0.3, "lr": 0.1, "epochs": 2 * base.optimization.epochs}
    control = () if scale == "paper" else tuple({"architecture": net, **few} for net in CONTROL_NETS)
    return StudyConfig(
        name="degradation",
        recipe="degradation",
        description="Do deeper nets train worse? Training error against depth, with and without shortcuts.",
        data=_data(scale, dataset),
        base=base,
        space={"architecture": Choices(choices=nets), "lr": Choices(choices=rates)},
        enqueue=control,
        search=SearchConfig(sampler="grid", trials=SEEDS * (len(control) + len(nets) * len(rates)), seeds=SEEDS),
    )


def _data(scale: Scale, dataset: str) -> DataConfig:
    """At ``minutes`` a quarter of the usual images: nets of 56 layers take long over each."""
    data = data_at(scale, dataset)
    return data if data.limit is None else data.model_copy(update={"limit": data.limit // 4})


def _depths(scale: Scale, dataset: str) -> tuple[int, ...]:
    if scale == "minutes":
        return (20, 32, 44, 56) if dataset == "digits" else (20, 56)
    return (20, 32, 44, 56, 110)


def _trial(scale: Scale, dataset: str) -> TrialConfig:
    if scale == "paper":
        return TrialConfig(
            model=ModelSpec(depth=20),
            data=DataCondition(augment="crop_flip"),
            optimization=Optimization(epochs=160, steps_per_epoch=400, schedule="step"),
        )
    if scale == "hours":
        steps = steps_at(scale, dataset)  # not passes: the control's would be one step each on digits
        return TrialConfig(model=ModelSpec(depth=20), optimization=Optimization(epochs=30, steps_per_epoch=steps))
    epochs, steps = (4, 30) if dataset == "digits" else (3, 88)
    return TrialConfig(
        model=ModelSpec(depth=20, width=0.5),
        optimization=Optimization(epochs=epochs, steps_per_epoch=steps, batch_size=64),
    )
