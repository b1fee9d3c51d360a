"""All that one trial depends on."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from fitscape.models.reference import REFERENCE
from fitscape.models.spec import MODEL_HYPERPARAMETERS, ModelSpec, is_own, parse_architecture
from fitscape.models.spec import Value as Keyword
from fitscape.study import releases
from fitscape.study.config.frozen import Fraction, Frozen, Probability

Value = bool | int | float | str | None  # of a hyperparameter of somebody else's
Written = tuple[tuple[str, str], ...]  # names and values of hyperparameters as text, in order of the names
Augment = Literal["none", "flip", "crop", "crop_flip", "crop_flip_cutout"]


class DataCondition(Frozen):
    """The part of the training data that a trial uses. The split is the same for every trial: see DataConfig."""

    train_fraction: Fraction = 1.0
    """Share of the training images that the trial uses, above 0, at most 1. Larger shares contain smaller ones."""
    image_size: Annotated[int, Field(ge=4, le=512)] | None = None
    """Side of the images that the trial gets, 4 to 512 pixels, at most data.image_size. Unset: the prepared images as
    they are."""
    label_noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the training labels that are replaced by a random class, 0 to 1."""
    augment: Augment = "none"
    """Random changes of the training images in each epoch: flip mirrors, crop shifts, cutout blanks a square."""
    crop_scale: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    """Smallest share of an image's area that a random resized crop keeps, above 0. 1 crops nothing; 0.08 is common."""
    rotation: Annotated[float, Field(ge=0, le=180, allow_inf_nan=False)] = 0.0
    """Largest random rotation of a training image in either direction, 0 to 180 degrees."""
    colour_jitter: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    """Largest random change of brightness, contrast and saturation, as a share, 0 to 1."""
    rand_augment: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 0.0
    """Magnitude of the two random operations of RandAugment per image, 0 to 10. 0 switches it off."""
    mixup: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 0.0
    """How far each training image is blended with another: alpha of the beta distribution, 0 (off) to 10."""
    cutmix: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 0.0
    """How large a part of each training image another one covers: alpha of the beta distribution, 0 (off) to 10."""

    def shape_of(self, prepared: tuple[int, int, int]) -> tuple[int, int, int]:
        """(C, H, W) of an image as the trial is given it, of prepared ones of that shape."""
        return prepared if self.image_size is None else (prepared[0], self.image_size, self.image_size)


class Optimization(Frozen):
    """How a trial is trained."""

    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with momentum, or AdamW."""
    lr: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 0.1
    """Peak learning rate, above 0, at most 100."""
    weight_decay: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 1e-4
    """Weight decay of convolutions and linear layers, 0 to 10. AdamW applies it apart from the gradient."""
    momentum: Probability = 0.9
    """Momentum of SGD, or beta1 of AdamW, 0 to 1 (1 excluded)."""
    batch_size: Annotated[int, Field(ge=1, le=65536)] = 128
    """Images per step, 1 to 65536."""
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Epochs per trial, 1 to 100000. The trial is measured after each epoch."""
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None
    """Steps per epoch, at least 1. Unset: one pass over the trial's share of the training images."""
    schedule: Literal["one_cycle", "cosine", "constant", "step"] = "one_cycle"
    """How the learning rate changes during the trial."""
    loss: Annotated[str, Field(pattern=rf"^(cross_entropy|{REFERENCE})$")] = "cross_entropy"
    """What training minimizes: cross_entropy, or your own code, my_losses.py:NAME. It changes no evaluation."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weights of the classes in the training loss. balanced lets each class weigh as much as any other."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0
    """Share of each training label that is spread over all classes, 0 to 1 (1 excluded)."""
    warmup_epochs: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] = 0.0
    """Epochs in which the learning rate rises to what the schedule says, 0 to 100000."""
    freeze: Annotated[int, Field(ge=0, le=100)] = 0
    """Stages that keep their weights, counted from the input, 0 to 100. resnet and densenet have 5 before the head
    (stem, then four), CIFAR nets 4. The head always learns."""
    head_lr_ratio: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 1.0
    """Factor on the learning rate of the head, above 0, at most 1000."""
    layer_decay: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    """Factor on the learning rate of a stage, once per stage of distance from the head, above 0, at most 1."""
    bn: Literal["train", "frozen"] = "train"
    """Whether batch norms learn. frozen keeps their parameters and statistics. Those of frozen stages never learn."""


class Evaluation(Frozen):
    """How a trial is measured."""

    batch_norm: Literal["reestimated", "running"] = "reestimated"
    """Batch-norm statistics in evaluations. reestimated measures them on clean training images, with the current
    weights. running takes the averages of training, which lag behind the weights in short trials."""


class TrialConfig(Frozen):
    """All that one trial depends on. Its id is a hash of it."""

    model: ModelSpec = ModelSpec()
    """The network."""
    data: DataCondition = DataCondition()
    """The part of the training data that it uses."""
    optimization: Optimization = Optimization()
    """How it is trained."""
    evaluation: Evaluation = Evaluation()
    """How it is measured."""
    trial: Annotated[str, Field(pattern=rf"^{REFERENCE}$")] | None = None
    """Your own training loop, my_loop.py:NAME, with the file in plugins. Unset: Fitscape's own."""
    theirs: dict[str, Value] = Field(default_factory=dict)
    """Only for a run that was read: its hyperparameters, under the names that its program gave them. Null: unknown."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of weights, subset, order and augmentation, at least 0, below 2147483648."""

    # Kept once computed: a report of 30,000 trials asks for 20 ids of each.
    @cached_property
    def trial_id(self) -> str:
        """12 hexadecimal digits, equal for equal configs on every machine, version of Python and release."""
        return releases.trial_id(self.model_dump(mode="json"))

    @cached_property
    def group_id(self) -> str:
        """The trial id without its seed: trials that share it are replicates of one configuration."""
        if "seed" in self.theirs:
            return self.with_hyperparameters({"seed": 0}).trial_id
        return releases.trial_id(self.model_dump(mode="json") | {"seed": 0})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Pydantic's, without what was computed of the original."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("trial_id", "group_id", "flattened", "written"):
            vars(copied).pop(name, None)
        return copied

    def flat(self) -> dict[str, Any]:
        """Every hyperparameter by its own name (names are unique over the sections).

        Those of a run that was read, and keywords of the user's own network, hide ours of the same name.
        """
        return dict(self.flattened)

    @cached_property
    def flattened(self) -> Mapping[str, Any]:
        """As ``flat``, not to be changed."""
        # Not by `model_dump`: every value is a number or a word already.
        model = {name: getattr(self.model, name) for name in MODEL_HYPERPARAMETERS} | self.model.keywords
        ours = {**model, **vars(self.data), **vars(self.optimization), **vars(self.evaluation)}
        return {**ours, "seed": self.seed, **self.theirs}

    @cached_property
    def written(self) -> Written:
        """As ``flattened``, for comparisons of many trials."""
        return tuple((name, repr(self.flattened[name])) for name in sorted(self.flattened))

    def shown(self) -> dict[str, Any]:
        """The hyperparameters that say something of the trial: every one, of a run that was read those it came with."""
        return {**self.theirs, "seed": self.seed} if self.model.read else self.flat()

    @property
    def hyperparameters(self) -> frozenset[str]:
        """The names that ``with_hyperparameters`` takes: ours, keywords of the user's own code, those of a run read."""
        return KNOWN.union(self.model.keywords, self.theirs) if self.model.keywords or self.theirs else KNOWN

    def with_hyperparameters(self, hyperparameters: dict[str, Any]) -> Self:
        """A validated copy with the named hyperparameters set; ``architecture`` sets family and depth together.

        Raises:
            ValueError: unknown hyperparameter, or a value out of its bounds (pydantic's ValidationError is one).
        """
        theirs = {name: value for name, value in hyperparameters.items() if name in self.theirs}
        hyperparameters = {name: value for name, value in hyperparameters.items() if name not in theirs}
        unknown = hyperparameters.keys() - self.hyperparameters
        if unknown:
            raise ValueError(
                f"{sorted(unknown)[0]}: no such hyperparameter, choose from {', '.join(sorted(self.hyperparameters))}"
            )
        keywords = {name: value for name, value in hyperparameters.items() if name in self.model.keywords}
        hyperparameters = {name: value for name, value in hyperparameters.items() if name not in keywords}
        if "architecture" in hyperparameters:
            hyperparameters["family"], hyperparameters["depth"] = parse_architecture(
                hyperparameters.pop("architecture")
            )
        part = {
            s: {k: v for k, v in hyperparameters.items() if HYPERPARAMETERS[k] == s}
            for s in ("model", "data", "optimization", "evaluation")
        }
        if keywords:
            part["model"]["keywords"] = self._with_keywords(keywords, part["model"].get("family", self.model.family))
        return type(self)(
            model=self.model.replace(**part["model"]) if part["model"] else self.model,
            data=DataCondition(**{**self.data.model_dump(), **part["data"]}),
            optimization=Optimization(**{**self.optimization.model_dump(), **part["optimization"]}),
            evaluation=Evaluation(**{**self.evaluation.model_dump(), **part["evaluation"]}),
            trial=self.trial,
            theirs={**self.theirs, **theirs},
            seed=hyperparameters.get("seed", self.seed),
        )

    def _with_keywords(self, changed: dict[str, Any], family: str) -> dict[str, Keyword]:
        """The keywords with some values replaced, each of the type that it has."""
        if not is_own(family):
            raise ValueError(f"{next(iter(changed))}: is not a hyperparameter of {family}")
        return self.model.keywords | {
            name: as_type_of(self.model.keywords[name], value, name) for name, value in changed.items()
        }


def as_type_of(old: Keyword, value: Any, name: str) -> Keyword:
    """A keyword's new value in the type of the old one: as JSON, 1 and 1.0 are two trials.

    Raises:
        ValueError: it is of another type; the text starts with the keyword.
    """
    kinds: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
    if type(value) is type(old):
        return value
    if type(old) is float and type(value) is int:
        return float(value)
    if type(old) is int and type(value) is float and value.is_integer():
        return int(value)
    raise ValueError(f"{name}: {value!r} is not {kinds[type(old)]}")


# Hyperparameter -> the section of TrialConfig that holds it.
HYPERPARAMETERS: dict[str, str] = {
    "architecture": "model",
    **dict.fromkeys(MODEL_HYPERPARAMETERS, "model"),
    **dict.fromkeys(DataCondition.model_fields, "data"),
    **dict.fromkeys(Optimization.model_fields, "optimization"),
    **dict.fromkeys(Evaluation.model_fields, "evaluation"),
    "seed": "seed",
}
KNOWN = frozenset(HYPERPARAMETERS)
# Names that a keyword of the user's own cannot have: they mean something else in a trial.
RESERVED = KNOWN - frozenset(MODEL_HYPERPARAMETERS) | {"family"}
