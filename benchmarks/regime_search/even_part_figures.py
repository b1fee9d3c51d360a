"""From the searches of ``even_part`` to its figures."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regime_search.jobs import Finished
from benchmarks.regime_search.simulate import Curve

Array = NDArray[np.float64]
Searches = dict[tuple[str, str, int], Curve]  # landscape, sampler, seed

MARKS: Final = (24, 48, 96)  # trials
SOBOL, ALONE, EVEN = SAMPLERS = ("sobol", "regime-estimated", "even-estimated")
PRICED: Final = "S3, priced"
BLIND, WEIGHS = "even-estimated, blind to prices", "even-estimated, weighs prices"
BOOTSTRAP: Final = 4000


def summarize(done: list[Finished]) -> list[dict[str, Any]]:
    """A row a number of trials, sampler and landscape, then those of all landscapes; then what a look at prices brings.

    Only seeds that every search has. Scores are means over seeds.
    """
    at = {(one.job.terrain, one.job.sampler, one.job.seed): one.curve for one in done}
    terrains = [name for name in dict.fromkeys(one.job.terrain for one in done) if name != PRICED]
    wanted = {(terrain, sampler) for terrain in terrains for sampler in SAMPLERS}
    seeds = _seeds(at, wanted)
    rows = []
    for trials in MARKS if seeds and terrains else ():
        scores = [
            {s: np.array([[at[t, s, seed].at(trials)[key] for seed in seeds] for t in terrains]) for s in SAMPLERS}
            for key in ("brier", "undecided")
        ]
        for sampler in SAMPLERS:
            parts = {terrain: slice(i, i + 1) for i, terrain in enumerate(terrains)} | {"all": slice(None)}
            for terrain, part in parts.items():
                brier, undecided = (of[sampler][part] for of in scores)
                figures = compared(brier, scores[0][SOBOL][part])
                told = {"landscape": terrain, "trials": trials, "sampler": sampler, "over": SOBOL, **figures}
                rows.append(told | {"undecided_area": float(undecided.mean())})
    return [*rows, *_priced(at)]


def _priced(at: Searches) -> Iterator[dict[str, Any]]:
    """By the score of the map and of each family: every search over the one with the even part, blind to prices."""
    samplers = (SOBOL, BLIND, WEIGHS)
    seeds = _seeds(at, {(PRICED, sampler) for sampler in samplers})
    kinds = [key for key in at[PRICED, BLIND, seeds[0]].scores[0] if key.startswith("brier")] if seeds else []
    for kind in kinds:
        scores = {s: np.array([[at[PRICED, s, seed].scores[0][kind] for seed in seeds]]) for s in samplers}
        for sampler in samplers:
            trials = float(np.mean([at[PRICED, sampler, seed].n[0] for seed in seeds]))
            told = {"landscape": PRICED, "score": kind, "trials": trials, "sampler": sampler, "over": BLIND}
            yield told | compared(scores[sampler], scores[BLIND])


def compared(mine: Array, other: Array) -> dict[str, Any]:
    """Brier scores [landscapes, seeds] of one sampler, and over another's.

    ``ratio`` is that of the means over seeds, its geometric mean over landscapes; its 90 % interval and the standard
    error are over seeds, for these landscapes.
    """
    n = mine.shape[1]
    picks = np.vstack([np.arange(n), np.random.default_rng(0).integers(n, size=(BOOTSTRAP, n))])
    ratios = np.exp((np.log(mine[:, picks].mean(2)) - np.log(other[:, picks].mean(2))).mean(0))
    error = float(mine.mean(0).std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    low, high = (float(q) for q in np.quantile(ratios[1:], [0.05, 0.95]))
    return {"seeds": n, "brier": float(mine.mean()), "se": error, "ratio": float(ratios[0]), "low": low, "high": high}


def _seeds(at: Searches, wanted: set[tuple[str, str]]) -> list[int]:
    """Seeds that all of these searches have."""
    seeds = sorted({seed for _, _, seed in at})
    return [seed for seed in seeds if all((*search, seed) in at for search in wanted)]
