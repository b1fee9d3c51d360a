"""All that a study depends on."""

from typing import Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, field_serializer, model_validator

from fitscape.study.config.frozen import Frozen
from fitscape.study.config.sections import (
    DataConfig,
    Hyperparameter,
    RegimeThresholds,
    ResourceConfig,
    SearchConfig,
    TrackingConfig,
)
from fitscape.study.config.trial import RESERVED, TrialConfig

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"


class StudyConfig(Frozen):
    """All that a study depends on. ``fitscape run`` freezes it into the study's folder."""

    name: Annotated[str, Field(pattern=NAME)]
    """Name of the study and its folder: 1 to 80 letters, digits, dots, hyphens or underscores. The first is a letter
    or digit."""
    recipe: str | None = None
    """The recipe that the study was made from. A study of your own has none."""
    description: str = ""
    """One sentence about what the study asks."""
    plugins: tuple[str, ...] = ()
    """Python files with your own code, such as my_nets.py. A path starts at the folder of this file."""
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
        for keyword in self.base.model.keywords:
            if keyword in RESERVED:
                raise ValueError(
                    f"base.model.keywords.{keyword}: is one of Fitscape's own hyperparameters, choose another name"
                )
        if isinstance(self.space, dict):
            for hyperparameter in self.space:
                self._require_hyperparameter(hyperparameter, f"space.{hyperparameter}")
        for i, point in enumerate(self.enqueue):
            for hyperparameter in point:
                self._require_hyperparameter(hyperparameter, f"enqueue[{i}].{hyperparameter}")
            self.base.with_hyperparameters(point)
        return self

    @model_validator(mode="after")
    def _a_share_of_the_space_needs_a_space(self) -> Self:
        if self.search.until is not None and not self.space:
            raise ValueError("search.until: nothing is searched, so there is no space to decide; leave it out")
        return self

    @model_validator(mode="after")
    def _balanced_errors_have_clean_labels(self) -> Self:
        """The scale under noise is that of plain errors: a class's flipped labels go to the others unequally."""
        searched = self.space if isinstance(self.space, dict) else {}
        noisy = any(point.get("label_noise") for point in self.enqueue) or "label_noise" in searched
        if self.data.metric == "balanced_error" and (noisy or self.base.data.label_noise > 0):
            raise ValueError(
                "data.metric: balanced_error does not go with label noise; set it to error, or leave the noise out"
            )
        return self

    @model_validator(mode="after")
    def _own_losses_weigh_and_smooth_by_themselves(self) -> Self:
        """Class weights and smoothed labels are those of our cross-entropy; own code would not see them."""
        searched = self.space if isinstance(self.space, dict) else {}
        base = self.base.optimization
        if (
            base.loss == "cross_entropy"
            and "loss" not in searched
            and not any("loss" in point for point in self.enqueue)
        ):
            return self
        for name, off in (("class_weights", "none"), ("label_smoothing", 0.0)):
            if name in searched or getattr(base, name) != off or any(name in point for point in self.enqueue):
                raise ValueError(f"{name} acts on cross_entropy only: leave it out, or do it in your own loss")
        return self

    def _require_hyperparameter(self, hyperparameter: str, where: str) -> None:
        known = self.base.hyperparameters
        if hyperparameter not in known:
            raise ValueError(f"{where}: no such hyperparameter, choose from {', '.join(sorted(known))}")
