"""What every section is asked of: a study read once, where what is missing is a reason and not an error."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import pandas as pd

from fitscape.study.errors import UserError
from fitscape.study.findings import Context, Finding
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import best_point, conditions, is_trial, recommended
from fitscape.study.maps.foretold import Foretold
from fitscape.study.maps.importance import importance
from fitscape.study.opened import OpenStudy
from fitscape.study.records import Label, TrialRecord
from fitscape.study.report.foretelling import foretelling
from fitscape.study.search.space import Space, point_of


class Subject:
    """A study for the report. ``no_labels`` and ``no_map`` say in a person's words why there are none."""

    def __init__(self, study: OpenStudy) -> None:
        self.study, self.config, self.provenance = study, study.config, study.provenance
        self._best: dict[str, dict[str, Any]] = {}

    @property
    def trials(self) -> Sequence[TrialRecord]:
        return self.study.trials

    @property
    def space(self) -> Space:
        return self.study.space

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return tuple(map(str, self.provenance.get("data", {}).get("classes", ())))

    @property
    def no_labels(self) -> str:
        """Empty where there are labels."""
        if not self.classes or "chance_error" not in self.provenance:
            return "the ledger does not hold the classes of the data and the error of chance"
        return ""

    @cached_property
    def labels(self) -> dict[str, Label]:
        return {} if self.no_labels else self.study.labels

    @cached_property
    def _map_or_reason(self) -> RegimeMap | str:
        if self.no_labels:
            return self.no_labels
        try:
            return self.study.map
        except UserError as error:
            return error.what

    @property
    def map(self) -> RegimeMap | None:
        found = self._map_or_reason
        return found if isinstance(found, RegimeMap) else None

    @property
    def no_map(self) -> str:
        """Empty where there is a map."""
        found = self._map_or_reason
        return found if isinstance(found, str) else ""

    @cached_property
    def foretold(self) -> Foretold | None:
        """The map put to the test, which takes a few fits; None without a map, or where too few trials tell."""
        return None if self.map is None else foretelling(self.study, self.map)

    def best_point(self, picked: Mapping[str, Any]) -> dict[str, Any]:
        """Of a study with a map, the best point of the part of the space where hyperparameters have these values."""
        assert self.map is not None
        if picked.items() <= self.recommended.items():
            return self.recommended  # or the map would name another best point than the recommendation does
        key = repr(sorted(picked.items()))
        if key not in self._best:
            held = conditions(self.map) | dict(picked)
            self._best[key] = best_point(self.map, held, points=512, possible=self.possible)
        return self._best[key]

    @cached_property
    def recommended(self) -> dict[str, Any]:
        """Of a study with a map, the point that it recommends."""
        assert self.map is not None
        return recommended(self.map, self.config.base)

    @cached_property
    def importance(self) -> pd.DataFrame:
        """A row per hyperparameter of the map, most important first (maps/importance.py); empty without a map."""
        return importance(self.map) if self.map else pd.DataFrame(columns=["share", "low", "high"])

    @property
    def context(self) -> Context:
        """What findings are asked with; only where there are labels."""
        return self.study.context

    @property
    def findings(self) -> list[Finding]:
        """Of a study that has labels."""
        return [] if self.no_labels else self.study.findings

    def hyperparameter(self, trial: TrialRecord, name: str) -> Any:
        """The value of one hyperparameter of the space."""
        return trial.config.flattened.get(name, trial.config.model.name)  # only the architecture is no field

    @cached_property
    def inside(self) -> list[bool]:
        """Of each trial, whether it lies in the searched space."""
        return [point_of(t.config, self.space) is not None for t in self.trials]

    def possible(self, point: Mapping[str, Any]) -> bool:
        """Whether a point of the space can be trained."""
        return is_trial(self.config.base, point)

    def point(self, trial: TrialRecord) -> dict[str, Any]:
        """The values of every hyperparameter of the space, whether or not they lie inside it."""
        return {name: self.hyperparameter(trial, name) for name in self.space}
