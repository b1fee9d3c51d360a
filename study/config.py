"""The typed, frozen configuration of a study and of one trial.

Everything a run depends on is here, so that a study can be repeated from this file alone. Unknown keys are
refused. Nothing here imports torch, Ray, MLflow or Optuna: a config is checked before any of them starts.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.spec import MODEL_DIALS, ModelSpec, parse_architecture

Augment = Literal["none", "flip", "crop", "crop_flip", "crop_flip_cutout"]
Fraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"


class Frozen(BaseModel):
    """Base of every section: frozen, unknown keys refused, no silent conversion of strings."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class DataCondition(Frozen):
    """What of the training data a trial sees. The split itself is the study's, see DataConfig."""

    train_fraction: Fraction = 1.0
    label_noise: Annotated[float, Field(ge=0, le=1)] = 0.0  # share of train labels redrawn, symmetric
    augment: Augment = "none"


class Optimization(Frozen):
    """How a trial is trained."""

    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 0.1  # peak
    weight_decay: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 1e-4
    momentum: Probability = 0.9  # SGD's momentum, AdamW's beta1
    batch_size: Annotated[int, Field(ge=1, le=65536)] = 128
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 10
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None  # None: one pass over the trial's subset
    schedule: Literal["one_cycle", "cosine", "constant", "step"] = "one_cycle"


class TrialConfig(Frozen):
    """One trial, whole. Its id is the hash of it."""

    model: ModelSpec = ModelSpec()
    data: DataCondition = DataCondition()
    optimization: Optimization = Optimization()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @property
    def trial_id(self) -> str:
        """12 hexadecimal digits, equal for equal configs on every machine and version of Python."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    @property
    def group_id(self) -> str:
        """The trial id without its seed: trials that share it are replicates of one configuration."""
        return self.with_dials({"seed": 0}).trial_id

    def flat(self) -> dict[str, Any]:
        """Every dial by its own name (names are unique over the sections)."""
        sections = (self.model.as_dict(), self.data.model_dump(), self.optimization.model_dump())
        return {**sections[0], **sections[1], **sections[2], "seed": self.seed}

    def with_dials(self, dials: dict[str, Any]) -> Self:
        """A validated copy with the named dials set; ``architecture`` sets family and depth together.

        Raises:
            ValueError: unknown dial, or a value out of its bounds (pydantic's ValidationError is one).
        """
        dials = dict(dials)
        if "architecture" in dials:
            dials["family"], dials["depth"] = parse_architecture(dials.pop("architecture"))
        unknown = dials.keys() - set(DIALS)
        if unknown:
            raise ValueError(f"{sorted(unknown)[0]}: no such dial, choose from {', '.join(sorted(DIALS))}")
        part = {s: {k: v for k, v in dials.items() if DIALS[k] == s} for s in ("model", "data", "optimization")}
        return type(self)(
            model=self.model.replace(**part["model"]) if part["model"] else self.model,
            data=DataCondition(**{**self.data.model_dump(), **part["data"]}),
            optimization=Optimization(**{**self.optimization.model_dump(), **part["optimization"]}),
            seed=dials.get("seed", self.seed),
        )


# Dial -> the section of TrialConfig that holds it.
DIALS: dict[str, str] = {
    "architecture": "model",
    **dict.fromkeys(MODEL_DIALS, "model"),
    **dict.fromkeys(DataCondition.model_fields, "data"),
    **dict.fromkeys(Optimization.model_fields, "optimization"),
    "seed": "seed",
}


class Range(Frozen):
    """A numeric dial of the search space; whole numbers where the dial is a whole number."""

    low: Finite
    high: Finite
    log: bool = False
    step: Annotated[float, Field(gt=0)] | None = None

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
    """A categorical dial, or a numeric one on given values."""

    choices: Annotated[tuple[bool | int | float | str, ...], Field(min_length=1)]


Dial = Range | Choices


class DataConfig(Frozen):
    """The data set and its one split, the same for every trial of the study."""

    dataset: str = "digits"  # digits, fashion_mnist, cifar10, cifar100, svhn or folder:PATH
    root: str | None = None  # where the files are or go; None: $FITSCAPE_DATA, then the user's cache
    image_size: Annotated[int, Field(ge=4, le=512)] | None = None  # None: the data set's own
    limit: Annotated[int, Field(ge=1)] | None = None  # at most this many images, stratified
    validation_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.2
    test_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.2  # where the data set has no test part
    split_seed: Annotated[int, Field(ge=0)] = 0
    probe_size: Annotated[int, Field(ge=50)] = 2000  # train images that are evaluated each epoch
    unreadable_limit: Annotated[float, Field(ge=0, lt=1)] = 0.05  # share of broken files that is accepted


class SearchConfig(Frozen):
    """Which trials are run, and how many."""

    sampler: Literal["sobol", "random", "tpe", "grid", "regime"] = "sobol"
    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 24  # all in all, replicates included
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1  # runs of each suggested configuration
    seed: Annotated[int, Field(ge=0)] = 0  # of the sampler


class RegimeThresholds(Frozen):
    """The decision list's numbers; stored with every label (regime definitions, version 1)."""

    version: Literal[1] = 1
    tau: Annotated[float, Field(gt=0, lt=0.9)] = 0.05  # excess skill that still counts as good
    untrained: Annotated[float, Field(gt=0, le=1)] = 0.9  # u(train error) from which nothing was learned
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.9  # below: undecided
    reference_error: Annotated[float, Field(ge=0, lt=1)] | None = None  # None: estimated from the study


class StoppingConfig(Frozen):
    """Label-safe early stopping; off unless asked for."""

    enabled: bool = False
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    warmup_trials: Annotated[int, Field(ge=4)] = 24  # run in full first
    audit_fraction: Annotated[float, Field(ge=0, le=1)] = 0.1  # run in full all the same


class ResourceConfig(Frozen):
    """What one trial takes and how many run at once."""

    cpus_per_trial: Annotated[float, Field(gt=0)] = 1
    gpus_per_trial: Annotated[float, Field(ge=0)] | Literal["auto"] = 0  # fractions pack several on a card
    max_concurrent: Annotated[int, Field(ge=1)] | None = None
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    trial_timeout: Annotated[float, Field(gt=0)] | None = 3600  # seconds without a step; None: no watchdog
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # one for the whole study


class TrackingConfig(Frozen):
    """Where MLflow is. None: a SQLite store in the runs folder."""

    uri: str | None = None
    experiment: str = "fitscape"


class StudyConfig(Frozen):
    """A study, whole: what ``fitscape run`` freezes into the study's folder."""

    name: Annotated[str, Field(pattern=NAME)]
    recipe: str | None = None
    description: str = ""
    data: DataConfig = DataConfig()
    base: TrialConfig = TrialConfig()
    space: dict[str, Dial] | str = Field(default_factory=dict)  # dials, or the name of a search space
    enqueue: tuple[dict[str, Any], ...] = ()  # explicit points, run first
    search: SearchConfig = SearchConfig()
    regimes: RegimeThresholds = RegimeThresholds()
    stopping: StoppingConfig = StoppingConfig()
    resources: ResourceConfig = ResourceConfig()
    tracking: TrackingConfig = TrackingConfig()

    @model_validator(mode="after")
    def _dials_exist_and_points_are_valid(self) -> Self:
        if isinstance(self.space, dict):
            for dial in self.space:
                _require_dial(dial, f"space.{dial}")
        for i, point in enumerate(self.enqueue):
            for dial in point:
                _require_dial(dial, f"enqueue[{i}].{dial}")
            self.base.with_dials(point)
        return self


def _require_dial(dial: str, where: str) -> None:
    if dial not in DIALS:
        raise ValueError(f"{where}: no such dial, choose from {', '.join(sorted(DIALS))}")
