"""What keeps gradients alive in deep nets: initialization, normalization or shortcuts, each by itself.

Command: ``fitscape run gradients``
Time: about 4 minutes on 2 cores; an hour on one GPU at ``hours`` and ``paper``.
Expected: without normalization He's initialization keeps the first layers' gradients larger than Glorot's, and Glorot's
larger than a fixed Gaussian's; plain nets without normalization stall at depth 56 and below, of those with batch
normalization some at depth 56 (6 of 9); shortcuts alone rescue the gradient, too.
"""

from fitscape.models.spec import ModelSpec
from fitscape.study.config import Choices, Optimization, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.recipes.scale import Scale, data_at, dataset_at

SEEDS = 3  # the fewest with which a clean break between two depths has a bounded interval
INITS = ("gaussian", "glorot", "he")
NORMS = ("none", "batch", "group")
RATES = (1e-3, 3e-4, 3e-3)


def recipe(scale: Scale, dataset: str | None) -> StudyConfig:
    """Every initialization with every normalization, at each depth with and without shortcuts, a few hundred steps."""
    dataset = dataset_at(scale, dataset)
    small = scale == "minutes"
    nets = tuple(f"{family}{depth}" for family in ("plain", "resnet") for depth in _depths(scale))
    rates = RATES[:1] if small else RATES
    steps = 25 if small else 100
    return StudyConfig(
        name="gradients",
        recipe="gradients",
        description="Gradient norms and stalls by initialization, normalization, depth and shortcut.",
        data=data_at(scale, dataset),
        base=TrialConfig(
            model=ModelSpec(depth=20, width=0.5 if small else 1.0),
            # A constant rate, as the start of training is compared and no schedule. AdamW, because one rate of its
            # suits all of these nets: with SGD their best rates lie orders of magnitude apart.
            optimization=Optimization(
                optimizer="adamw",
                epochs=3,
                steps_per_epoch=steps,
                batch_size=64 if small else 128,
                schedule="constant",
            ),
        ),
        space={
            "init": Choices(choices=INITS),
            "norm": Choices(choices=NORMS),
            "architecture": Choices(choices=nets),
            "lr": Choices(choices=rates),
        },
        search=SearchConfig(
            sampler="grid", trials=SEEDS * len(INITS) * len(NORMS) * len(nets) * len(rates), seeds=SEEDS
        ),
    )


def _depths(scale: Scale) -> tuple[int, ...]:
    return (20, 32, 56) if scale == "minutes" else (20, 32, 44, 56, 110)
