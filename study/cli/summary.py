"""What ``fitscape status`` says."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

from fitscape.study.cli.wording import best_of, between, described, duration, left_out, size, val_error
from fitscape.study.errors import UserError
from fitscape.study.files import StudyFolder
from fitscape.study.files import size as measured
from fitscape.study.ledger import INCOMPLETE, holder, lacks_its_log
from fitscape.study.opened import OpenStudy
from fitscape.study.records import Regime, TrialState
from fitscape.study.regimes import beyond_guessing


def summarize(study: OpenStudy) -> dict[str, Any]:
    """A study's state as JSON: counts by state and regime, who drives it, the best trial, what is running."""
    trials = study.trials
    states = Counter(trial.state for trial in trials)
    labels = _labels(study).values()
    regimes = Counter(label.regime for label in labels)
    driver = holder(study.folder)
    best = best_of(trials)
    return {
        "study": study.config.name,
        "folder": str(study.folder),
        "driver": str(driver) if driver else None,
        "warning": INCOMPLETE if driver is None and lacks_its_log(study.ledger) else None,
        "target": study.config.search.trials,
        "data": study.provenance.get("data", {}),
        "states": {state.value: states[state] for state in TrialState},
        "regimes": {regime.value: regimes[regime] for regime in Regime},
        "undecided": between(labels),
        "confidence": study.config.regimes.confidence,
        "beyond_guessing": _beyond_guessing(study),
        "best": best and {"trial_id": best.trial_id, "val_error": val_error(best), "trial": described(best)},
        "running": [
            {"trial_id": t.trial_id, "epoch": len(t.epochs), "epochs": t.config.optimization.epochs}
            for t in trials
            if t.state is TrialState.RUNNING
        ],
        "failures": [{"trial_id": t.trial_id, "message": t.message} for t in trials if t.state is TrialState.FAILED],
        "seconds": math.fsum(t.seconds for t in trials if math.isfinite(t.seconds)),
        "read": study.ledger.read_from,
        "bytes": sizes(study.folder),
    }


def lines(summary: dict[str, Any]) -> list[str]:
    """The summary for a person."""
    states, target = summary["states"], summary["target"]
    ended = sum(count for state, count in states.items() if TrialState(state).terminal)
    by_state = ", ".join(f"{count} {state}" for state, count in states.items() if count) or "none yet"
    by_regime = ", ".join(f"{count} {regime}" for regime, count in summary["regimes"].items() if count)
    out = [
        f"{summary['study']}: {ended} of {target} trials ended ({by_state})",
        f"read     from {summary['read']['source']}" if summary["read"] else f"driver   {summary['driver'] or 'none'}",
    ]
    out += [f"note     {note}" for note in summary["data"].get("notes", ())] if summary["read"] else []
    if summary["warning"]:
        out.append(f"WARNING  {summary['warning']}")
    if unread := left_out(summary["data"]):
        out.append(f"data     {unread} (all of them: --json)")
    if by_regime:
        out.append(f"regimes  {by_regime}")
    if summary["undecided"]:
        out.append("between  " + ", ".join(f"{count} {names}" for names, count in summary["undecided"].items()))
    if summary["beyond_guessing"] is not None and summary["beyond_guessing"] < summary["confidence"]:
        out.append("verdict  no better than guessing: no configuration is surely below chance")
    if summary["best"]:
        best = summary["best"]
        out.append(f"best     validation error {best['val_error']:.4f}: {best['trial']} ({best['trial_id']})")
    out += [f"running  {t['trial_id']} epoch {t['epoch']} of {t['epochs']}" for t in summary["running"]]
    out += [f"failed   {t['trial_id']} {t['message']}" for t in summary["failures"][:5]]
    if len(summary["failures"]) > 5:
        out.append(f"         and {len(summary['failures']) - 5} more")
    if summary["seconds"] or not summary["read"]:
        out.append(f"trained  {duration(summary['seconds'])} in all trials together")
    parts = summary["bytes"]
    out.append("size     " + ", ".join(f"{name} {size(count)}" for name, count in parts.items()))
    if summary["driver"] is None and ended < target:
        out.append(f"resume with: fitscape resume {summary['folder']}")
    return out


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the parts of a study's folder: ledger with its backup, report, checkpoints, the rest."""
    place = StudyFolder(folder)
    parts = {"report": measured(place.report), "checkpoints": measured(place.checkpoints_here)}
    ledger = sum(file.stat().st_size for file in folder.glob("ledger.*"))
    other = measured(folder) - ledger - sum(parts.values())
    return {"ledger": ledger, **parts, "other": max(other, 0)}


def _labels(study: OpenStudy) -> dict[str, Any]:
    try:
        return study.labels
    except (KeyError, UserError):  # no trial has ended, or the data set's facts are not written down yet
        return {}


def _beyond_guessing(study: OpenStudy) -> float | None:
    """Probability that the best configuration's error lies below that of guessing."""
    if "chance_error" not in study.provenance:
        return None
    found = beyond_guessing(study.trials, study.chance_error)
    return None if found is None else found[1]
