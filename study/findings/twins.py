"""A network from weights and its twin from scratch, on rising numbers of images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fitscape.models.registry import IMAGENET_DEPTHS
from fitscape.models.spec import ModelSpec
from fitscape.models.weight_names import NONE
from fitscape.study.config import Written
from fitscape.study.findings.context import Context, config_key, ended, train_error, val_error
from fitscape.study.findings.evidence import RESAMPLES
from fitscape.study.findings.finding import ALPHA
from fitscape.study.findings.spread import Spread
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.regimes.rule import Array

LEAST_SEEDS: Final = 3
LEAST_SHARES: Final = 2
VARIED: Final = ("weights", "freeze", "train_fraction", "lr", "seed")
STAGES: Final = {
    "resnet": ("stem", "layer1", "layer2", "layer3", "layer4"),
    "plain": ("stem", "layer1", "layer2", "layer3", "layer4"),
    "densenet": ("stem", "denseblock1", "denseblock2", "denseblock3", "denseblock4"),
}


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Of S seeds and M numbers of images, with O options that a person may choose from (rates, stages)."""

    a: Array  # [S, M, O] validation error on half A, which chooses
    b: Array  # [S, M, O] on half B, which is compared
    train: Array  # [S, M, O]

    def taken(self, options: Sequence[int]) -> "Errors":
        return Errors(a=self.a[..., options], b=self.b[..., options], train=self.train[..., options])

    def choices(self, m: int) -> NDArray[np.intp]:
        """[S] the option that is best on half A over the *other* seeds: chosen by its own, an error flatters the side
        with more options."""
        others = (self.a[:, m].sum(axis=0) - self.a[:, m]) / (len(self.a) - 1)
        return np.asarray(others.argmin(axis=-1))

    def at(self, m: int, of: Callable[["Errors"], Array]) -> Array:
        """[S] what ``of`` says at each seed's choice."""
        return np.asarray(np.take_along_axis(of(self)[:, m], self.choices(m)[:, None], axis=1)[:, 0])

    def val(self, m: int) -> Array:
        """[S] validation error on half B."""
        return self.at(m, lambda e: e.b)


@dataclass(frozen=True, kw_only=True)
class Twins:
    """A network from weights, frozen to F levels, and from scratch: the same images, seeds, rates and steps."""

    example: TrialRecord  # from weights
    images: Array  # [M] per class, rising; shares of the training images where their number is unknown
    unit: str  # of ``images``
    levels: tuple[int, ...]  # stages frozen, rising
    scratch: Errors  # an option a rate
    tuned: Errors  # an option a level and rate, the level first
    image: float  # share that one validation image is of half B

    @property
    def rates(self) -> int:
        return self.tuned.b.shape[-1] // len(self.levels)

    def frozen_to(self, *levels: int) -> Errors:
        """The tuned nets of these levels."""
        places = [self.levels.index(level) for level in levels]
        return self.tuned.taken([k * self.rates + r for k in places for r in range(self.rates)])

    def gains(self) -> Array:
        """[S, M] validation error from scratch less that from the weights, each at its best options."""
        return np.stack([self.scratch.val(m) - self.tuned.val(m) for m in range(len(self.images))], axis=1)


def scratch_twins(trials: Sequence[TrialRecord], context: Context) -> list[Twins]:
    """Networks that were run from weights and from scratch, on two numbers of images or more under three shared seeds.

    Of each, the numbers of images, seeds, rates and levels that make a whole grid.
    """
    groups: dict[Written, list[TrialRecord]] = {}
    for trial in ended(trials):
        groups.setdefault(config_key(trial, VARIED), []).append(trial)
    found = []
    for _, group in sorted(groups.items()):
        scratch = [t for t in group if t.config.model.weights == NONE and t.config.optimization.freeze == 0]
        for weights in sorted({t.config.model.weights for t in group} - {NONE}):
            tuned = [t for t in group if t.config.model.weights == weights]
            if (one := _twins(tuned, scratch, context)) is not None:
                found.append(one)
    return found


def _twins(tuned: Sequence[TrialRecord], scratch: Sequence[TrialRecord], context: Context) -> Twins | None:
    cells = {(*_cell(t), t.config.optimization.freeze): t for t in tuned}
    plain = {_cell(t): t for t in scratch}
    levels = sorted({c[3] for c in cells})
    whole = {c for c in plain if all((*c, f) in cells for f in levels)}
    rates = sorted({rate for _, _, rate in whole})
    grids = [_grid(whole, chosen) for chosen in (rates, *([rate] for rate in rates))]
    seeds, shares, rates = max(grids, key=lambda grid: (len(grid[1]), len(grid[0]) * len(grid[2])))
    if len(seeds) < LEAST_SEEDS or len(shares) < LEAST_SHARES:
        return None
    per_class = context.train_images / context.classes
    last = tuned[0].last
    return Twins(
        example=tuned[0],
        images=np.array(shares) * (per_class or 1),
        unit="images per class" if per_class else "of the training images",
        levels=tuple(levels),
        scratch=_errors([[[plain[s, m, r] for r in rates] for m in shares] for s in seeds], context),
        tuned=_errors([[[cells[s, m, r, f] for f in levels for r in rates] for m in shares] for s in seeds], context),
        image=2 / last.val_n if last is not None else 0.0,
    )


def _grid(whole: set[tuple[int, float, float]], rates: list[float]) -> tuple[list[int], list[float], list[float]]:
    """Seeds and numbers of images that were run at all of the rates: of a study that was cut off, what is whole."""
    found: dict[float, set[int]] = {}
    for share in sorted({m for _, m, _ in whole}):
        seeds = {s for s, m, _ in whole if m == share and all((s, m, r) in whole for r in rates)}
        if len(seeds) >= LEAST_SEEDS:
            found[share] = seeds
    shared = set.intersection(*found.values()) if found else set()
    return sorted(shared), list(found), rates


def _cell(trial: TrialRecord) -> tuple[int, float, float]:
    return trial.config.seed, trial.config.data.train_fraction, trial.config.optimization.lr


def _errors(cube: list[list[list[TrialRecord]]], context: Context) -> Errors:
    def each(of: Callable[[TrialRecord], float]) -> Array:
        return np.array([[[of(t) for t in row] for row in rows] for rows in cube])

    def half(trial: TrialRecord, name: str) -> float:
        whole = val_error(trial, context.chance_error)
        ran = trial.last is not None and trial.state is TrialState.FINISHED
        known = getattr(trial.last, name) if ran else whole
        return float(known) if np.isfinite(known) else whole

    return Errors(
        a=each(lambda t: half(t, "val_error_a")),
        b=each(lambda t: half(t, "val_error_b")),
        train=each(lambda t: train_error(t, context.chance_error)),
    )


def crossing(
    gains: Array, images: Array, margin: float, *, inflation: float = 1.0, seed: int = 0
) -> tuple[float, float, float]:
    """From how many images on the mean gain stays below ``margin``, with its 95 % interval over seeds.

    0: from the fewest on; infinity: at none of those run. Between two numbers by interpolation on the logarithm.

    Args:
        gains: [S, M].
        images: [M], rising.
        inflation: of the standard errors, where seeds are not quite independent.
    """
    mean = gains.mean(axis=0)
    draws = Spread.of(gains).means(gains, RESAMPLES, np.random.default_rng(seed))
    ends = [_crosses(curve, images, margin) for curve in mean + (draws - mean) * inflation]
    low, high = np.quantile(ends, [ALPHA / 2, 1 - ALPHA / 2], method="inverted_cdf")
    return _crosses(mean, images, margin), float(low), float(high)


def _crosses(curve: Array, images: Array, margin: float) -> float:
    above = np.flatnonzero(curve > margin)
    if not len(above):
        return 0.0
    k = int(above[-1])
    if k == len(curve) - 1:
        return float("inf")
    x = np.log(images[k : k + 2])
    return float(np.exp(x[0] + (x[1] - x[0]) * (curve[k] - margin) / (curve[k] - curve[k + 1])))


def learning_stages(model: ModelSpec, frozen: int) -> str:
    """What learns where so many stages are frozen."""
    if frozen == 0:
        return "all stages"
    known = STAGES.get(model.family, ())[: 5 if model.family == "densenet" or model.depth in IMAGENET_DEPTHS else 4]
    if not known:
        return f"what follows {frozen} stages"
    return "the head alone" if frozen >= len(known) else f"{known[frozen]} and what follows"
