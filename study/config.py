"""The typed, frozen configuration of a study and of one trial.

Everything a run depends on is here, so that a study can be repeated from this file alone. Unknown keys are
refused. Nothing here imports torch, Ray, MLflow or Optuna: a config is checked before any of them starts.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_validator,
)

from fitscape.models.spec import MODEL_HYPERPARAMETERS, ModelSpec, parse_architecture
from fitscape.study import releases
from fitscape.study.paths import uri_problem
from fitscape.study.samplers import SAMPLERS

if TYPE_CHECKING:
    SamplerName = str
else:
    SamplerName = Literal[*SAMPLERS]
Augment = Literal["none", "flip", "crop", "crop_flip", "crop_flip_cutout"]
Fraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"


class Frozen(BaseModel):
    """Base of every section: frozen, unknown keys refused, no silent conversion of strings."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class DataCondition(Frozen):
    """The part of the training data that a trial uses. The split is the same for every trial: see DataConfig."""

    train_fraction: Fraction = 1.0
    """Share of the training images that the trial uses, above 0, at most 1. Larger shares contain smaller ones."""
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


class Evaluation(Frozen):
    """How a trial is measured."""

    batch_norm: Literal["reestimated", "running"] = "reestimated"
    """Batch-norm statistics in evaluations. reestimated measures them on clean training images, with the weights of
    the moment. running takes the averages of training, which lag behind the weights in short trials."""


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
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of weights, subset, order and augmentation, at least 0, below 2147483648."""

    @property
    def trial_id(self) -> str:
        """12 hexadecimal digits, equal for equal configs on every machine, version of Python and release."""
        return releases.trial_id(self.model_dump(mode="json"))

    @property
    def group_id(self) -> str:
        """The trial id without its seed: trials that share it are replicates of one configuration."""
        return self.with_hyperparameters({"seed": 0}).trial_id

    def flat(self) -> dict[str, Any]:
        """Every hyperparameter by its own name (names are unique over the sections)."""
        # Not by `model_dump`: a report asks 70,000 times, and every value is a number or a word already.
        model = {name: getattr(self.model, name) for name in MODEL_HYPERPARAMETERS}
        return {**model, **vars(self.data), **vars(self.optimization), **vars(self.evaluation), "seed": self.seed}

    def with_hyperparameters(self, hyperparameters: dict[str, Any]) -> Self:
        """A validated copy with the named hyperparameters set; ``architecture`` sets family and depth together.

        Raises:
            ValueError: unknown hyperparameter, or a value out of its bounds (pydantic's ValidationError is one).
        """
        hyperparameters = dict(hyperparameters)
        if "architecture" in hyperparameters:
            hyperparameters["family"], hyperparameters["depth"] = parse_architecture(
                hyperparameters.pop("architecture")
            )
        unknown = hyperparameters.keys() - set(HYPERPARAMETERS)
        if unknown:
            raise ValueError(
                f"{sorted(unknown)[0]}: no such hyperparameter, choose from {', '.join(sorted(HYPERPARAMETERS))}"
            )
        part = {
            s: {k: v for k, v in hyperparameters.items() if HYPERPARAMETERS[k] == s}
            for s in ("model", "data", "optimization", "evaluation")
        }
        return type(self)(
            model=self.model.replace(**part["model"]) if part["model"] else self.model,
            data=DataCondition(**{**self.data.model_dump(), **part["data"]}),
            optimization=Optimization(**{**self.optimization.model_dump(), **part["optimization"]}),
            evaluation=Evaluation(**{**self.evaluation.model_dump(), **part["evaluation"]}),
            seed=hyperparameters.get("seed", self.seed),
        )


# Hyperparameter -> the section of TrialConfig that holds it.
HYPERPARAMETERS: dict[str, str] = {
    "architecture": "model",
    **dict.fromkeys(MODEL_HYPERPARAMETERS, "model"),
    **dict.fromkeys(DataCondition.model_fields, "data"),
    **dict.fromkeys(Optimization.model_fields, "optimization"),
    **dict.fromkeys(Evaluation.model_fields, "evaluation"),
    "seed": "seed",
}


class Range(Frozen):
    """The range of a numeric hyperparameter. A hyperparameter that is a whole number takes whole numbers only."""

    low: Finite
    """Smallest value, in the unit of the hyperparameter. Above 0 if log is true."""
    high: Finite
    """Largest value, not below low."""
    log: bool = False
    """Whether values are spread by ratio and not by difference. Use it for learning rates, widths and weight decay."""
    step: Annotated[float, Field(gt=0)] | None = None
    """Distance between neighbouring values, above 0, not together with log. Unset: 1 for whole numbers, else none."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} must be above 0 where log is true")
        if self.log and self.step is not None:
            raise ValueError("log and step do not go together")
        return self


class Choices(Frozen):
    """The values of a categorical hyperparameter, or a list of values for a numeric one."""

    choices: Annotated[tuple[bool | int | float | str, ...], Field(min_length=1)]
    """The values, at least one."""


Hyperparameter = Range | Choices


class DataConfig(Frozen):
    """The data set and its split. All trials of a study share them."""

    dataset: str = "digits"
    """digits, fashion_mnist, cifar10, cifar100, svhn, or yours: folder:PATH (one subfolder per class), csv:FILE."""
    root: str | None = None
    """Folder that holds the files, or that they are downloaded to. Unset: $FITSCAPE_DATA, then the user's cache."""
    image_size: Annotated[int, Field(ge=4, le=512)] | None = None
    """Every image is resized to a square of this side, 4 to 512 pixels. Unset: the size of the data set."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Use at most this many images, at least 1; each class keeps its share. Unset: all."""
    validation_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.2
    """Share of the images outside the test part that goes to validation, above 0, below 0.9."""
    test_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.2
    """Share of the images that is sealed as test part, above 0, below 0.9, if the data set has none of its own."""
    split_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the split, at least 0. Another seed gives another split, so trials are not comparable."""
    probe_size: Annotated[int, Field(ge=50)] = 2000
    """Number of training images that are evaluated after each epoch, at least 50."""
    groups: str | None = None
    """What keeps images in one part of the split: a column, folder, or a pattern (?P<group>...) on file names."""
    allow_group_leak: bool = False
    """Whether your own split may have a group in two of its parts."""
    unreadable_limit: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Largest share of broken files that is left out without refusing the data set, 0 to 1 (1 excluded)."""


class SearchConfig(Frozen):
    """Which trials are run, and how many."""

    sampler: SamplerName = "sobol"
    """How trials are chosen: sobol spreads them evenly, random draws, tpe looks for low errors, grid takes every
    combination, regime looks for the boundaries between regimes."""
    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 24
    """Number of trials in all, with replicates and enqueued points, 1 to 1000000."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of seeds per suggested configuration, 1 to 1000. Each seed is one trial."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the sampler, at least 0."""


class RegimeThresholds(Frozen):
    """The thresholds that separate the regimes. They are stored with every label."""

    version: Literal[1] = 1
    """Version of the definitions of the regimes."""
    tau: Annotated[float, Field(gt=0, lt=0.9)] = 0.05
    """Largest excess over the best error that is still good, above 0, below 0.9. The unit is the way from the best
    error (0) to chance (1)."""
    untrained: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Training error from which a trial counts as untrained, above 0, at most 1, in the unit of tau."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """A label that is less probable than this is undecided, above 0.5, below 1."""
    reference_error: Annotated[float, Field(ge=0, lt=1)] | None = None
    """The best validation error that can be reached, 0 to 1 (1 excluded). Unset: estimated from the study."""


class ResourceConfig(Frozen):
    """The resources of one trial, and how many trials run at once."""

    cpus_per_trial: Annotated[float, Field(ge=0.01, le=100_000)] = 1
    """CPU cores per trial, 0.01 to 100000."""
    gpus_per_trial: Annotated[float, Field(ge=0)] | Literal["auto"] = "auto"
    """Part of a card per trial: 0 trains on the CPU, else 0.01 to 1. auto measures how many trials fit on a card."""
    max_concurrent: Annotated[int, Field(ge=1)] | None = None
    """Largest number of trials that run at once, at least 1. Unset: as many as the resources allow."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """Number of attempts for a trial whose process or node is lost, 1 to 100."""
    trial_timeout: Annotated[float, Field(gt=0)] | None = 3600
    """A trial without a step for this many seconds is ended, above 0. Null: never."""
    storage_grace: Annotated[float, Field(ge=0)] = 300
    """Seconds to wait for storage that is out of reach, at least 0. Then the study is interrupted; no trial fails."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Precision of the whole study. auto measures which is faster, once; the study's own study.yaml has the result."""
    memory_format: Literal["auto", "nchw", "channels_last", "mixed"] = "auto"
    """Memory layout of images and convolutions. auto measures which is faster, once, as for precision."""

    @field_validator("gpus_per_trial")
    @classmethod
    def _is_a_share(cls, gpus: float | str) -> float | str:
        if isinstance(gpus, float | int) and 0 < gpus < 0.01:
            raise ValueError(f"{gpus:g} is below 0.01, and not 0")
        return gpus


class TrackingConfig(Frozen):
    """Where MLflow is."""

    uri: str | None = None
    """Address of the tracking server. Unset: a SQLite file in the runs folder."""
    experiment: Annotated[str, Field(min_length=1)] = "fitscape"
    """Name of the MLflow experiment that holds the study's runs."""

    @field_validator("uri")
    @classmethod
    def _is_a_uri(cls, uri: str | None) -> str | None:
        if uri is not None and (problem := uri_problem(uri)):
            raise ValueError(f"'{uri}' is no URI: {problem}")
        return uri


class StudyConfig(Frozen):
    """All that a study depends on. ``fitscape run`` freezes it into the study's folder."""

    name: Annotated[str, Field(pattern=NAME)]
    """Name of the study and its folder: 1 to 80 letters, digits, dots, hyphens or underscores. The first is a letter
    or digit."""
    recipe: str | None = None
    """The recipe that the study was made from. A study of your own has none."""
    description: str = ""
    """One sentence about what the study asks."""
    data: DataConfig = DataConfig()
    """The data set and its split."""
    base: TrialConfig = TrialConfig()
    """The values of every hyperparameter that is not searched."""
    space: dict[str, Hyperparameter] | str = Field(default_factory=dict)
    """The hyperparameters that are searched, each with a range or choices; or the name of a search space."""
    enqueue: tuple[dict[str, Any], ...] = ()
    """Configurations that are run first. Each maps hyperparameters to values."""
    search: SearchConfig = SearchConfig()
    """How the trials are chosen."""
    regimes: RegimeThresholds = RegimeThresholds()
    """Thresholds that separate the regimes."""
    resources: ResourceConfig = ResourceConfig()
    """What one trial uses, and how many trials run at once."""
    tracking: TrackingConfig = TrackingConfig()
    """The MLflow server and experiment."""

    @field_serializer("base", mode="wrap")
    def _base_as_it_was_asked_for(self, base: TrialConfig, serialize: SerializerFunctionWrapHandler) -> Any:
        """An unset shortcut stays unset: written down as the base's own it would be that of every architecture."""
        written = serialize(base)
        written["model"]["shortcut"] = base.model.chosen_shortcut
        return written

    @model_validator(mode="after")
    def _hyperparameters_exist_and_points_are_valid(self) -> Self:
        if isinstance(self.space, dict):
            for hyperparameter in self.space:
                _require_hyperparameter(hyperparameter, f"space.{hyperparameter}")
        for i, point in enumerate(self.enqueue):
            for hyperparameter in point:
                _require_hyperparameter(hyperparameter, f"enqueue[{i}].{hyperparameter}")
            self.base.with_hyperparameters(point)
        return self


def _require_hyperparameter(hyperparameter: str, where: str) -> None:
    if hyperparameter not in HYPERPARAMETERS:
        raise ValueError(f"{where}: no such hyperparameter, choose from {', '.join(sorted(HYPERPARAMETERS))}")
