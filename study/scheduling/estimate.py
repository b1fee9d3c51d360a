"""What a study will take, before its first trial: nets that are timed, and what their times say of all trials."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.scheduling.pace import time_left
from fitscape.study.search.cost import TIMED_NOISE, CostModel, Work
from fitscape.study.search.designs import DESIGNS, Sobol
from fitscape.study.search.space import Space, resolve

MOST_TIMED = 16  # trials
# Speed of all trials of a card together under MPS, in that of one alone: captured steps of ResNet18 of width 0.125 on
# an H200 (benchmarks/results/gpu-nvidia-h200-2026-11-26.json). Without MPS they take turns, at 1.0 to 1.2 times it.
UNDER_MPS = {1: 1.0, 2: 1.7, 4: 2.6, 8: 3.5, 16: 3.7}
TYPICAL = 64  # trials that stand for all of a space


def to_time(config: StudyConfig, space: Space) -> list[TrialConfig]:
    """Each architecture of a study in a narrow and in a wide net, a quarter of the range from its ends."""
    named = space.get("architecture")
    names = [{"architecture": name} for name in named.choices] if isinstance(named, CategoricalDistribution) else [{}]
    points = [{**name, **width} for width in _widths(space.get("width")) for name in names]
    candidates = (_trial(config, point) for point in (*points, *config.enqueue))
    different = {(c.model, c.optimization.batch_size): c for c in candidates if c is not None}
    return list(islice(different.values(), MOST_TIMED))


def typical(config: StudyConfig, space: Space, first: int | None = None) -> list[TrialConfig]:
    """Trials that stand for those to come.

    Args:
        config: the study.
        space: its hyperparameters.
        first: trials with which it begins, after the enqueued ones: those of its design, TYPICAL configurations at
            most. None: an even sample of the space, as for a sampler that learns.
    """
    seeds, design = config.search.seeds, DESIGNS.get(config.search.sampler)
    if first is None or design is None:
        design, count = Sobol, TYPICAL
    else:
        count = min(TYPICAL, -(-first // seeds))
    at = design(space, config.search.seed)
    points = [point for index in range(count if space else 1) if (point := at.point(index)) is not None]
    found = [trial for point in points if (trial := _trial(config, point)) is not None]
    return [trial for trial in found for _ in range(seeds)][:first] or [config.base]


def learn_timed(model: CostModel, timed: Sequence[Sequence[Any]]) -> None:
    """Tell a model what was timed.

    Args:
        timed: as ``study_settings`` keeps it.
    """
    for dumped, step, evaluation in timed:
        config = TrialConfig.model_validate(dumped)
        work = model.work
        model.learn(config, step * work.seen(config) + evaluation * work.evaluated(config), TIMED_NOISE)


def side_by_side(timed: Sequence[Sequence[Any]], per_card: int, *, mps: bool) -> list[list[Any]]:
    """What was timed with a card to itself, as it is where trials share the card.

    Args:
        timed: as ``study_settings`` keeps it.
        per_card: trials that share a card; 0: they train on the CPU.
        mps: whether NVIDIA's multi-process service lets them compute at once.
    """
    counts = list(UNDER_MPS)
    together = float(np.interp(np.log2(max(1, per_card)), np.log2(counts), list(UNDER_MPS.values()))) if mps else 1.0
    slower = max(1, per_card) / together
    return [[dumped, step * slower, evaluation * slower] for dumped, step, evaluation in timed]


def describe(config: StudyConfig, work: Work, timed: Sequence[Sequence[Any]], slots: int, left: int) -> str:
    """What the trials of a study will take, in a few words; empty where no steps were timed.

    Args:
        config: the study.
        work: what trials on its data are counted by.
        timed: as ``study_settings`` keeps it.
        slots: trials that run at once.
        left: trials that have not ended. The enqueued ones are among them, or all have ended.
    """
    model = CostModel(work)
    learn_timed(model, timed)
    if not model.known or left < 1:
        return ""
    first = [trial for point in config.enqueue if (trial := _trial(config, point)) is not None]
    fresh = left == config.search.trials
    named = _seconds(model, (first * config.search.seeds)[:left] if fresh else [])
    others = (left - len(named)) or None
    mean = float(np.mean(_seconds(model, typical(config, resolve(config), others if fresh else None))))
    seconds = [*named, *[mean] * (left - len(named))]
    slots = max(1, min(slots, config.resources.max_concurrent or slots, left))
    whole, each = time_left([], seconds, slots), sum(seconds) / left
    trials = "the one trial" if left == 1 else f"{left} trials, {slots} at a time"
    return f"about {spoken(each)} per trial, {spoken(whole)} for {trials}"


def spoken(seconds: float) -> str:
    """An estimate in words, with no more digits than it has: ``40 s``, ``2.5 min``, ``3.5 h``. Its rounding is off by a
    seventh at most: 1.5 minutes are not 2.
    """
    if seconds < 9.5:  # 9.7 would be 1e+01
        return f"{seconds:.1f} s" if 0.95 <= seconds < 2.95 else f"{seconds:.1g} s"
    if seconds < 90:
        return f"{round(seconds, -1 if seconds > 30 else 0):.0f} s"
    if seconds < 285:
        return f"{round(seconds / 30) / 2:g} min"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _seconds(model: CostModel, configs: Sequence[TrialConfig]) -> list[float]:
    each = model.epoch(configs)[0] if configs else np.zeros(0)
    return [float(e) * config.optimization.epochs for e, config in zip(each, configs, strict=True)]


def _trial(config: StudyConfig, point: Mapping[str, Any]) -> TrialConfig | None:
    try:
        return config.base.with_hyperparameters(dict(point))
    except ValueError:  # two hyperparameters contradict each other here
        return None


def _widths(distribution: BaseDistribution | None) -> list[dict[str, float]]:
    if isinstance(distribution, CategoricalDistribution):
        values = sorted(v for v in distribution.choices if isinstance(v, int | float))
        return [{"width": value} for value in dict.fromkeys((values[0], values[-1]))]
    if isinstance(distribution, FloatDistribution | IntDistribution) and distribution.low < distribution.high:
        low, high = float(distribution.low), float(distribution.high)
        at = (lambda u: low * (high / low) ** u) if distribution.log else (lambda u: low + u * (high - low))
        return [{"width": at(u)} for u in (0.25, 0.75)]
    return [{}]
