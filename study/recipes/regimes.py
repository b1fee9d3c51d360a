"""Where each family underfits, fits well and overfits: width x train fraction x weight decay.

Command: ``fitscape run regimes --set data.dataset=fashion_mnist``
Time: about 15 minutes on 2 cores at ``minutes``; a few hours on one GPU at ``hours``.
Steps: 144 a trial, 108 on digits, however few images it sees.
Expected: little data overfits at every width; weight decay from about 0.1 on underfits; ResNet18 with a third of the
data or more and little decay fits well. One seed per configuration leaves about half of the area undecided.
"""

from fitscape.study.config import Choices, Optimization, Range, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.recipes.scale import Scale, data_at, dataset_at, of_your_own, steps_at

FAMILIES = ("resnet18", "plain18", "densenet121")


def recipe(scale: Scale, dataset: str | None) -> StudyConfig:
    """Trials at the boundaries between regimes, beside an even part: a fair sample of the space, for what is said of
    the space and to judge the map."""
    dataset = dataset_at(scale, dataset)
    small, own = scale == "minutes", of_your_own(dataset)
    width = 0.5 if small else 1.0
    optimization = Optimization(
        lr=0.1,
        epochs=6 if small else 30,
        # 18 on digits: with 9, as in quickstart's twice as many epochs, a trial would end after 54 steps.
        steps_per_epoch=max(18, steps_at(scale, dataset)),
        batch_size=(32 if own else 64) if small else 128,
        schedule="one_cycle",
    )
    return StudyConfig(
        name="regimes",
        recipe="regimes",
        description="Regime map over width, train fraction and weight decay for three families.",
        data=data_at(scale, dataset),
        base=TrialConfig(optimization=optimization),
        space={
            "architecture": Choices(choices=FAMILIES),
            "width": Range(low=0.125, high=width, log=True),
            "train_fraction": Range(low=0.02, high=1.0, log=True),
            "weight_decay": Range(low=1e-5, high=0.3, log=True),
            # The rate that suits published data may train none of your own.
            **({"lr": Range(low=0.003, high=0.3, log=True)} if own else {}),
        },
        # One steady configuration a family, three seeds each: they measure the seed noise and the reference error,
        # without which no trial near a boundary can be distinguished from its neighbours.
        enqueue=tuple(
            {"architecture": name, "width": width, "train_fraction": 1.0, "weight_decay": 5e-4, "seed": seed}
            for name in FAMILIES
            for seed in range(3)
        ),
        search=SearchConfig(sampler="regime", trials=48 if small else 192),
    )
