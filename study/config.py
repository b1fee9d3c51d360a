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
    """What of the training data a trial sees. The split itself is the study's, see DataConfig."""

    train_fraction: Fraction = 1.0
    """Share of the training part that the trial sees, above 0, at most 1; smaller shares lie inside larger ones."""
    label_noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of its training labels that is redrawn among all classes, 0 to 1."""
    augment: Augment = "none"
    """What is done to training images, anew in each epoch: mirrored, shifted, a square cut out."""
    crop_scale: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    """Least share of an image's area that a random resized crop keeps, above 0; 1 crops nothing, 0.08 is common."""
    rotation: Annotated[float, Field(ge=0, le=180, allow_inf_nan=False)] = 0.0
    """Degrees by which a training image is turned at most, either way, 0 to 180."""
    colour_jitter: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    """Share by which brightness, contrast and saturation change at most, 0 to 1."""
    rand_augment: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 0.0
    """Magnitude of two random operations an image (RandAugment), 0 to 10; 0 does nothing."""


class Optimization(Frozen):
    """How a trial is trained."""

    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with momentum, or AdamW."""
    lr: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 0.1
    """Learning rate at its peak, above 0, at most 100."""
    weight_decay: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 1e-4
    """Weight decay of convolutions and linear layers, 0 to 10; decoupled in AdamW."""
    momentum: Probability = 0.9
    """SGD's momentum or AdamW's beta1, 0 to 1 (1 excluded)."""
    batch_size: Annotated[int, Field(ge=1, le=65536)] = 128
    """Images a step, 1 to 65536."""
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Epochs of a trial, 1 to 100000; it is measured after each."""
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None
    """Steps of one epoch, at least 1. Unset: one pass over the trial's share of the training part."""
    schedule: Literal["one_cycle", "cosine", "constant", "step"] = "one_cycle"
    """How the learning rate moves over the trial."""


class Evaluation(Frozen):
    """How a trial is measured."""

    batch_norm: Literal["reestimated", "running"] = "reestimated"
    """Statistics of batch norm in evaluations: of clean training images under the weights as they are, or the running
    averages that training left, which lag behind the weights in short trials."""


class TrialConfig(Frozen):
    """One trial, whole. Its id is the hash of it."""

    model: ModelSpec = ModelSpec()
    """The network."""
    data: DataCondition = DataCondition()
    """What it sees of the training part."""
    optimization: Optimization = Optimization()
    """How it is trained."""
    evaluation: Evaluation = Evaluation()
    """How it is measured."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of weights, subset, order and augmentation, at least 0, below 2147483648."""

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
    """A numeric hyperparameter of the search space; whole numbers where the hyperparameter is a whole number."""

    low: Finite
    """Least value, in the unit of the hyperparameter; above 0 where log is true."""
    high: Finite
    """Greatest value, not below low."""
    log: bool = False
    """Whether ratios count, not differences: for learning rates, widths, weight decay."""
    step: Annotated[float, Field(gt=0)] | None = None
    """Distance of neighbouring values, above 0; not together with log. Unset: 1 for whole numbers, none for others."""

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
    """A categorical hyperparameter, or a numeric one on given values."""

    choices: Annotated[tuple[bool | int | float | str, ...], Field(min_length=1)]
    """The values, at least one."""


Hyperparameter = Range | Choices


class DataConfig(Frozen):
    """The data set and its one split, the same for every trial of the study."""

    dataset: str = "digits"
    """digits, fashion_mnist, cifar10, cifar100, svhn, or your own: folder:PATH with a class a subfolder, csv:FILE."""
    root: str | None = None
    """Folder where the files are or go. Unset: $FITSCAPE_DATA, then the user's cache."""
    image_size: Annotated[int, Field(ge=4, le=512)] | None = None
    """Side of the square that every image becomes, 4 to 512 pixels. Unset: the data set's own."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """At most this many images, at least 1, each class in its share. Unset: all."""
    validation_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.2
    """Share of what is not test that trials are chosen on, above 0, below 0.9."""
    test_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.2
    """Share that is sealed, above 0, below 0.9, where the data set has no test part of its own."""
    split_seed: Annotated[int, Field(ge=0)] = 0
    """Of the one split, at least 0; another seed is another data set."""
    probe_size: Annotated[int, Field(ge=50)] = 2000
    """Training images that are evaluated after each epoch, at least 50."""
    groups: str | None = None
    """What belongs together and lies in one part: a column, folder, or a pattern on file names, (?P<group>...)."""
    allow_group_leak: bool = False
    """Whether a split of your own may have a group in two of its parts."""
    unreadable_limit: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of broken files that is accepted and left out, 0 to 1 (1 excluded)."""


class SearchConfig(Frozen):
    """Which trials are run, and how many."""

    sampler: SamplerName = "sobol"
    """Who chooses: an even design, chance, Optuna's TPE towards low error, every combination, or boundary seeking."""
    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 24
    """Trials all in all, replicates and enqueued points included, 1 to 1000000."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Runs of each suggested configuration under seeds of their own, 1 to 1000."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the sampler, at least 0."""


class RegimeThresholds(Frozen):
    """The decision list's numbers; stored with every label (regime definitions, version 1)."""

    version: Literal[1] = 1
    """Of the definitions."""
    tau: Annotated[float, Field(gt=0, lt=0.9)] = 0.05
    """Excess over the best error that still counts as good, above 0, below 0.9; 1 is the way from it to chance."""
    untrained: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Training error in that unit from which nothing was learned, above 0, at most 1."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """Probability below which a label is undecided, above 0.5, below 1."""
    reference_error: Annotated[float, Field(ge=0, lt=1)] | None = None
    """The best reachable validation error, 0 to 1 (1 excluded). Unset: estimated from the study."""


class ResourceConfig(Frozen):
    """What one trial takes and how many run at once."""

    cpus_per_trial: Annotated[float, Field(ge=0.01, le=100_000)] = 1
    """CPU cores of one trial, 0.01 to 100000."""
    gpus_per_trial: Annotated[float, Field(ge=0)] | Literal["auto"] = 0
    """GPUs of one trial, 0 or at least 0.01; a fraction packs several trials on a card, auto measures how many fit."""
    max_concurrent: Annotated[int, Field(ge=1)] | None = None
    """Trials at a time, at least 1. Unset: as many as the resources allow."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """Times that a trial is tried whose process or node is lost, 1 to 100."""
    trial_timeout: Annotated[float, Field(gt=0)] | None = 3600
    """Seconds without a step after which a trial is ended, above 0. Null: never."""
    storage_grace: Annotated[float, Field(ge=0)] = 300
    """Seconds that storage out of reach is waited for, at least 0; then the study is interrupted, no trial failed."""
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
    """Where MLflow is. None: a SQLite store in the runs folder."""

    uri: str | None = None
    """Of the tracking server. Unset: a SQLite file in the runs folder."""
    experiment: Annotated[str, Field(min_length=1)] = "fitscape"
    """MLflow's experiment that the study's runs go to."""

    @field_validator("uri")
    @classmethod
    def _is_a_uri(cls, uri: str | None) -> str | None:
        if uri is not None and (problem := uri_problem(uri)):
            raise ValueError(f"'{uri}' is no URI: {problem}")
        return uri


class StudyConfig(Frozen):
    """A study, whole: what ``fitscape run`` freezes into the study's folder."""

    name: Annotated[str, Field(pattern=NAME)]
    """Of the study and its folder: 1 to 80 letters, digits, dots, hyphens or underscores, the first no sign."""
    recipe: str | None = None
    """The recipe that it was made from; a study of your own has none."""
    description: str = ""
    """What it asks, in a sentence for people."""
    data: DataConfig = DataConfig()
    """The data set and its split."""
    base: TrialConfig = TrialConfig()
    """The trial that every other one differs from in its hyperparameters only."""
    space: dict[str, Hyperparameter] | str = Field(default_factory=dict)
    """What is searched: hyperparameters with ranges or choices, or the name of a search space."""
    enqueue: tuple[dict[str, Any], ...] = ()
    """Points that are run first, each a mapping from hyperparameters to values."""
    search: SearchConfig = SearchConfig()
    """How the trials are chosen."""
    regimes: RegimeThresholds = RegimeThresholds()
    """Numbers of the decision between the regimes."""
    resources: ResourceConfig = ResourceConfig()
    """What one trial takes, and how many run at once."""
    tracking: TrackingConfig = TrackingConfig()
    """Where MLflow is."""

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
