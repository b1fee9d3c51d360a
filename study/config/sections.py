"""What all trials of a study share: data, search, thresholds, resources and tracking."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from fitscape.models.reference import REFERENCE
from fitscape.study.config.duration import Duration
from fitscape.study.config.frozen import Finite, Frozen
from fitscape.study.paths import uri_problem
from fitscape.study.samplers import SAMPLERS

if TYPE_CHECKING:
    SamplerName = str
else:
    SamplerName = Literal[*SAMPLERS] | Annotated[str, Field(pattern=rf"^{REFERENCE}$")]


Metric = Literal["error", "balanced_error"]


class Range(Frozen):
    """The range of a numeric hyperparameter. A hyperparameter that is a whole number takes whole numbers only."""

    low: Finite
    """Smallest value, in the unit of the hyperparameter. Above 0 if log is true."""
    high: Finite
    """Largest value, not below low."""
    log: bool = False
    """Whether values are spread evenly by ratio. Use it for learning rates, widths and weight decay."""
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
    """digits, fashion_mnist, cifar10, cifar100, svhn, or yours: folder:PATH (one subfolder per class), csv:FILE,
    hf:PATH (a Hugging Face data set), or my_data.py:NAME, a function in your own code."""
    root: str | None = None
    """Folder that holds the files, or that they are downloaded to. Unset: $FITSCAPE_DATA, then the user's cache."""
    image_size: Annotated[int, Field(ge=4, le=512)] | None = None
    """Every image is resized to a square of this side, 4 to 512 pixels. Unset: the size of the data set."""
    fit: Literal["crop", "pad"] = "crop"
    """How your own images become squares: crop cuts the longer side, pad adds black bars to the shorter one."""
    classes: Annotated[tuple[str | int, ...], Field(min_length=2)] | None = None
    """Use only these classes, two or more, by name or counted from 0. They become labels 0, 1, ... in this order.
    Unset: all."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Use at most this many images, at least 1; each class keeps its share. Unset: all."""
    validation_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.2
    """Share of the images outside the test part that goes to validation, above 0, below 0.9."""
    test_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.2
    """Share of the images that is sealed as test part, above 0, below 0.9, if the data set has none of its own."""
    folds: Annotated[int, Field(ge=2, le=20)] | None = None
    """Number of folds of the images outside the test part, 2 to 20. A trial validates on the fold of its seed modulo
    this number and trains on the others; validation_fraction is not used. Unset: one validation part for all trials."""
    split_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the split, at least 0. Another seed gives another split, so trials are not comparable."""
    probe_size: Annotated[int, Field(ge=50)] = 2000
    """Number of training images that are evaluated after each epoch, at least 50."""
    metric: Metric = "error"
    """What decides regimes, map and advice: error counts wrong images, balanced_error averages over the classes."""
    groups: str | None = None
    """Which images stay in one part of the split: a column, folder, or a pattern (?P<group>...) on file names."""
    allow_group_leak: bool = False
    """Whether your own split may have a group in two of its parts."""
    unreadable_limit: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Largest share of broken files to leave out, 0 to 1 (1 excluded). With more of them, the data set is refused."""

    @property
    def overlap(self) -> float:
        """Validation images over training images of a fold, which errors of several folds do not average out (Nadeau
        and Bengio 2003, Machine Learning 52, section 3); 0 without folds."""
        return 0.0 if self.folds is None else 1 / (self.folds - 1)

    def fold_of(self, seed: int) -> int:
        """The fold that a trial of this seed validates on; 0 without folds."""
        return 0 if self.folds is None else seed % self.folds


class Until(Frozen):
    """The goal at which a run ends."""

    decided: Annotated[float, Field(gt=0, lt=1)]
    """Share of the search space whose regime the map names with the study's confidence, above 0, below 1."""


class SearchConfig(Frozen):
    """Which trials are run, and how many."""

    sampler: SamplerName = "sobol"
    """How trials are chosen: sobol spreads them evenly, random draws, tpe looks for low errors, grid takes every
    combination, regime looks for the boundaries between regimes. Your own: package.module:NAME."""
    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 24
    """Number of trials in all, with replicates and enqueued points, 1 to 1000000."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of seeds per suggested configuration, 1 to 1000. Each seed is one trial."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the sampler, at least 0."""
    until: Until | None = None
    """The goal at which the run ends, even before its last trial, such as {decided: 0.9}. Unset: all trials are run."""


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
    """Validation error that counts as the best, 0 to 1 (1 excluded). Unset: the best of the study, estimated."""


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
    time_limit: Duration | None = None
    """Longest time of one run with its report, above 0: 90s, 20m, 1h30m. Unset: until all trials have ended."""
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
            raise ValueError(f"'{uri}' is not a URI: {problem}")
        return uri
