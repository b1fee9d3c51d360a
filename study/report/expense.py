"""What the net at a point of the space costs: parameters, operations, and time to train it on this study's machine."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from fitscape.study.config import TrialConfig
from fitscape.study.records import TrialState
from fitscape.study.report import wording
from fitscape.study.report.subject import Subject
from fitscape.study.search.cost import CostModel, Work, flops


class Expense:
    """Of one study. ``known`` is False where the images' shape is not known, or the nets are somebody else's."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    @cached_property
    def _work(self) -> Work | None:
        data = self._subject.provenance.get("data", {})
        images, shape = data.get("images", {}), data.get("input_shape")
        if not shape or not images or self._subject.config.base.model.read:
            return None
        probe = self._subject.config.data.probe_size
        return Work(images["train"], probe, images["validation"], tuple(shape), len(self._subject.classes))

    @property
    def known(self) -> bool:
        return self._work is not None

    @cached_property
    def _model(self) -> CostModel | None:
        if self._work is None:
            return None
        model = CostModel(self._work)
        for ran in self._subject.trials:
            if ran.state is TrialState.FINISHED and ran.epochs:
                model.learn(ran.config, float(np.mean([e.train_seconds + e.eval_seconds for e in ran.epochs])))
        return model if model.known else None

    def _trial(self, point: Mapping[str, Any]) -> TrialConfig | None:
        try:
            return self._subject.config.base.with_hyperparameters(dict(point))
        except ValueError:
            return None

    def operations(self, point: Mapping[str, Any]) -> float | None:
        """An image's, forwards; None where they are not known or the point is no trial."""
        trial = self._trial(point)
        if trial is None or self._work is None:
            return None
        return flops(trial.model, trial.data.shape_of(self._work.input_shape), self._work.classes) or None

    def seconds(self, point: Mapping[str, Any]) -> str:
        """To train a net of this point here, in words; ``not measured`` where no trial tells."""
        trial = self._trial(point)
        if trial is None or self._model is None:
            return wording.NOT_MEASURED
        whole = trial.optimization.epochs * float(self._model.epoch([trial])[0][0])
        return f"about {wording.duration(float(f'{whole:.2g}'))}"

    def said(self, point: Mapping[str, Any]) -> dict[str, str]:
        """What it costs -> how much, in words; empty where nothing is known."""
        from fitscape.models.size import measure  # torch: not before it is needed

        trial = self._trial(point)
        if trial is None or self._work is None:
            return {}
        parameters, operations = measure(trial.model, trial.data.shape_of(self._work.input_shape), self._work.classes)
        found = {"parameters": wording.magnitude(parameters), "operations an image": wording.magnitude(operations)}
        return found | ({"to train it here": self.seconds(point)} if self._model else {})
