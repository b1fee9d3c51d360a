"""Architectures side by side: regimes, best error, size, time."""

from typing import Any, Final

import numpy as np

from fitscape.study.maps import RegimeMap
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.regimes import estimate_reference, final_record, standard_draws
from fitscape.study.report import wording
from fitscape.study.report.section import Section
from fitscape.study.report.slices import picking
from fitscape.study.report.subject import Subject

POINTS: Final = 512  # of the space, at which a share is integrated
LIVE_POINTS: Final = 128  # while the study runs


def comparison(subject: Subject, *, runs: bool = False) -> list[dict[str, Any]]:
    """A row per architecture. Shares are of the searched space, integrated over the map, never counts of trials."""
    by_net: dict[str, list[TrialRecord]] = {}
    for trial in subject.trials:
        by_net.setdefault(trial.config.model.name, []).append(trial)
    return [_row(subject, name, by_net[name], LIVE_POINTS if runs else POINTS) for name in sorted(by_net)]


def _row(subject: Subject, name: str, trials: list[TrialRecord], points: int) -> dict[str, Any]:
    ended = [t for t in trials if final_record(t) is not None]
    sizes = [t.size for t in trials if t.size is not None]
    return {
        "key": name,
        "net": wording.net(name),
        "trials": len(trials),
        "finished": len(ended),
        "diverged": sum(t.state is TrialState.DIVERGED for t in trials),
        "failed": sum(t.state is TrialState.FAILED for t in trials),
        "best": _best(ended, subject.config.data.overlap),
        "parameters": _range([s.parameters for s in sizes]),
        "flops": _range([s.flops for s in sizes]),
        "seconds": wording.duration(float(np.median([t.seconds for t in ended]))) if ended else wording.NOT_MEASURED,
        "shares": _shares(subject, subject.map, name, points) if subject.map else None,
    }


def _best(ended: list[TrialRecord], overlap: float) -> dict[str, Any] | None:
    """Chosen on validation half A, judged on half B; 90 % interval over its images and seeds."""
    if not ended:
        return None
    reference = estimate_reference(ended, overlap=overlap)
    low, high = np.quantile(reference.draws(standard_draws(0)), [0.05, 0.95])
    return {
        "error": wording.percent(reference.error),
        "interval": wording.interval(float(low), float(high)),
        "seeds": reference.seeds,
    }


def _range(values: list[int]) -> str:
    if not values:
        return wording.NOT_MEASURED
    low, high = wording.magnitude(min(values)), wording.magnitude(max(values))
    return low if low == high else f"{low} to {high}"


def _shares(subject: Subject, fitted: RegimeMap, name: str, points: int) -> dict[str, dict[str, float]] | None:
    """By regime its ``share`` of the space with this architecture and the 90 % interval; None outside the space."""
    picked = picking(subject, name)
    if picked is None:
        return None
    table = fitted.share(given=picked, points=points).round(4)
    return {str(regime): {end: float(row[end]) for end in ("share", "low", "high")} for regime, row in table.iterrows()}


SECTION = Section(
    "comparison", "Architectures compared", "Architectures", lambda m: comparison(m.subject, runs=m.runs), scripted=True
)
