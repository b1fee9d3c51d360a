"""What the net at a point of the space costs: parameters, operations, and time to train it on this study's machine."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fitscape.study.config import TrialConfig
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.report import wording
from fitscape.study.report.subject import Subject
from fitscape.study.search.cost import CostModel, Work, flops, parameters

NEAR: Final = 5  # runs of the same net whose measured times correct the cost model at a point


@dataclass(frozen=True)
class Spent:
    """Seconds of a whole training: about so many, and between which they lie by the runs that tell."""

    seconds: float
    low: float
    high: float
    runs: int
    same: bool  # the runs are of this very configuration

    @property
    def about(self) -> str:
        return f"about {wording.duration(float(f'{self.seconds:.2g}'))}"

    @property
    def range(self) -> str:
        """What it rests on; empty where no run tells."""
        low, high = (wording.duration(float(f"{end:.2g}")) for end in (self.low, self.high))
        if self.same:
            return "1 run of it" if self.runs == 1 else f"{low} to {high} in {self.runs} runs of it"
        return f"{low} to {high} scaled by operations from the {self.runs} nearest runs" if self.runs > 1 else ""

    @property
    def between(self) -> str:
        """The range alone, for a column: ``scaled`` where it is not of runs of this configuration."""
        if self.runs == 0 or (self.same and self.runs == 1):
            return "1 run" if self.same else ""
        low, high = (wording.duration(float(f"{end:.2g}")) for end in (self.low, self.high))
        return f"{low} to {high}" if self.same else f"{low} to {high}, scaled"

    def __str__(self) -> str:
        return f"{self.about} ({self.range})" if self.range else self.about


class Expense:
    """Of one study. ``known`` is False where the images' shape is not known, or the nets are somebody else's."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._trials: dict[tuple[Any, ...], TrialConfig | None] = {}

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
        return self._work is not None and self._subject.config.base.trial is None

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
        key = tuple(point.items())
        if key not in self._trials:
            try:
                self._trials[key] = self._subject.config.base.with_hyperparameters(dict(point))
            except ValueError:
                self._trials[key] = None
        return self._trials[key]

    @cached_property
    def _ran(self) -> dict[str, TrialRecord]:
        """Finished trials by id."""
        return {t.trial_id: t for t in self._subject.trials if t.state is TrialState.FINISHED and t.seconds > 0}

    def operations(self, point: Mapping[str, Any]) -> float | None:
        """An image's, forwards; None where they are not known or the point is no trial."""
        return self._counted(point, flops)

    def parameters(self, point: Mapping[str, Any]) -> float | None:
        """Near enough to compare nets; None as for :meth:`operations`."""
        return self._counted(point, parameters)

    def _counted(self, point: Mapping[str, Any], count: Callable[..., float]) -> float | None:
        trial = self._trial(point)
        if trial is None or self._work is None:
            return None
        return count(trial.model, trial.data.shape_of(self._work.input_shape), self._work.classes) or None

    def roughly(self, point: Mapping[str, Any]) -> float | None:
        """Seconds by the cost model and by how far it is off for this net, to compare many points quickly; measured
        where it was run. None where no trial was timed or the point is none."""
        trial = self._trial(point)
        if trial is None or self._model is None:
            return None
        took = self._took.get(tuple(point[name] for name in self._subject.space))
        return took or float(self._foreseen(self._model, [trial])[0]) * self._off.get(trial.model.name, 1.0)

    @cached_property
    def _took(self) -> dict[tuple[Any, ...], float]:
        """By values of the searched hyperparameters, the median seconds of the runs with them."""
        seconds: dict[tuple[Any, ...], list[float]] = {}
        for ran in self._ran.values():
            seconds.setdefault(tuple(self._subject.point(ran).values()), []).append(ran.seconds)
        return {values: float(np.median(found)) for values, found in seconds.items()}

    @cached_property
    def _off(self) -> dict[str, float]:
        """By net, the median of measured over foreseen seconds."""
        ratios: dict[str, list[float]] = {}
        ran = list(self._ran.values())
        foreseen = self._foreseen(self._model, [t.config for t in ran]) if self._model else np.ones(len(ran))
        for one, seconds in zip(ran, foreseen, strict=True):
            ratios.setdefault(one.config.model.name, []).append(one.seconds / seconds)
        return {name: float(np.median(found)) for name, found in ratios.items()}

    @staticmethod
    def _foreseen(model: CostModel, trials: Sequence[TrialConfig]) -> NDArray[np.float64]:
        """[n] seconds of whole trials by the cost model."""
        return np.array([trial.optimization.epochs for trial in trials]) * model.epoch(trials)[0]

    def spent(self, point: Mapping[str, Any]) -> Spent | None:
        """What the runs of this configuration took; where there are none, the cost model as the nearest runs of the
        same net correct it: it knows nothing of frozen layers or of small nets whose steps are all overhead."""
        trial = self._trial(point)
        if trial is None or self._model is None:
            return None
        same = [t.seconds for t in self._ran.values() if t.config.group_id == trial.group_id]
        if same:
            return Spent(float(np.median(same)), min(same), max(same), len(same), same=True)
        foreseen = self._foreseen(self._model, [trial])[0]
        near = list(islice((ran for ran in self._nearest(point) if ran.config.model.name == trial.model.name), NEAR))
        if not near:
            return Spent(foreseen, foreseen, foreseen, 0, same=False)
        ratios = np.array([ran.seconds for ran in near]) / self._foreseen(self._model, [ran.config for ran in near])
        middle, low, high = (foreseen * float(r) for r in (np.median(ratios), ratios.min(), ratios.max()))
        return Spent(middle, low, high, len(near), same=False)

    def _nearest(self, point: Mapping[str, Any]) -> Iterable[TrialRecord]:
        fitted = self._subject.map
        if fitted is None:
            return self._ran.values()
        return (self._ran[i] for i in fitted.nearest(point, k=len(self._subject.trials)) if i in self._ran)

    def seconds(self, point: Mapping[str, Any]) -> str:
        """To train a net of this point here, in words; ``not measured`` where no trial tells."""
        found = self.spent(point)
        return wording.NOT_MEASURED if found is None else found.about

    def counts(self, point: Mapping[str, Any]) -> tuple[int, int] | None:
        """Parameters, and operations an image, of the net as it is built; None where it cannot be."""
        from fitscape.models.size import measure  # torch: not before it is needed

        trial = self._trial(point)
        if trial is None or self._work is None or not self.known:
            return None
        return measure(trial.model, trial.data.shape_of(self._work.input_shape), self._work.classes)

    @cached_property
    def spread(self) -> float:
        """The most by which the times of runs of one configuration differ, as a factor: what else a machine did."""
        times: dict[str, list[float]] = {}
        for ran in self._ran.values():
            times.setdefault(ran.config.group_id, []).append(ran.seconds)
        return max((max(found) / min(found) for found in times.values()), default=1.0)

    def said(self, point: Mapping[str, Any]) -> dict[str, str]:
        """What it costs -> how much, in words; empty where nothing is known."""
        counts = self.counts(point)
        if counts is None:
            return {}
        weights, operations = counts
        found = {"parameters": wording.magnitude(weights), "operations an image": wording.magnitude(operations)}
        return found | ({"to train it here": str(self.spent(point))} if self._model else {})

    @cached_property
    def side_by_side(self) -> bool:
        """Whether trials ran at the same time, so that each took longer than alone."""
        times = sorted((t.started_at, t.ended_at) for t in self._ran.values() if t.started_at and t.ended_at)
        return any(then[0] < before[1] for before, then in pairwise(times))

    @property
    def machine(self) -> str:
        """``2 CPU cores``, or the names of the devices that trials ran on; empty where that is not known."""
        devices = sorted({t.device for t in self._ran.values() if t.device} - {"cpu"})
        cores = self._subject.provenance.get("machine", {}).get("cpus")
        return ", ".join(devices) or (f"{cores} CPU core{'s' if cores != 1 else ''}" if cores else "")
