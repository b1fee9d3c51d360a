"""What ``fitscape status`` says."""

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from fitscape import __version__
from fitscape.study.cli.wording import between, described, duration, left_out, named, size, val_error
from fitscape.study.errors import UserError
from fitscape.study.files import StudyFolder
from fitscape.study.files import size as measured
from fitscape.study.ledger import DECIDED, GUESSING, INCOMPLETE, LABELLED_BY, holder, lacks_its_log
from fitscape.study.measures.metric import columns, judged
from fitscape.study.opened import OpenStudy
from fitscape.study.records import Label, Regime, TrialState

AT_ONCE: Final = 300  # ended trials that are labelled within seconds


def summarize(study: OpenStudy) -> dict[str, Any]:
    """A study's state as JSON: counts by state and regime, who drives it, the best trial, what is running."""
    ledger = study.ledger
    states = ledger.counts()
    labels = _labels(study)
    regimes = Counter(label.regime for label in labels)
    driver = holder(study.folder)
    lowest = ledger.lowest(*columns(study.config.data.metric))
    best = lowest and judged(ledger.trial(lowest, details=False), study.config.data.metric)
    could = sum(count for state, count in states.items() if state.terminal and state is not TrialState.FAILED)
    return {
        "study": study.config.name,
        "folder": str(study.folder),
        "driver": str(driver) if driver else None,
        "warning": INCOMPLETE if driver is None and lacks_its_log(ledger) else None,
        "target": study.config.search.trials,
        "data": study.provenance.get("data", {}),
        "states": {state.value: states[state] for state in TrialState},
        "regimes": {regime.value: regimes[regime] for regime in Regime},
        "undecided": between(labels),
        "metric": study.config.data.metric,
        "unlabelled": max(0, could - len(labels)),
        "best": best and {"trial_id": best.trial_id, "val_error": val_error(best), "trial": described(best)},
        "running": [asdict(trial) for trial in ledger.running()],
        "failures": [{"trial_id": name, "message": message} for name, message in ledger.failures().items()],
        "seconds": ledger.seconds(),
        "decided": ledger.get_meta(DECIDED),
        "guessing": _guessing(study),
        "read": ledger.read_from,
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
    if summary["unlabelled"] and ended > AT_ONCE:
        labelled = sum(summary["regimes"].values())
        count = f"{labelled or 'none'} of {labelled + summary['unlabelled']} trials"
        verb = "are" if labelled > 1 else "is"
        how = "the run does it at its end" if summary["driver"] else f"`fitscape report {summary['study']}` does it"
        out.append(f"regimes  {count} {verb} labelled so far: {how}")
    if summary["undecided"]:
        out.append("between  " + ", ".join(f"{count} {names}" for names, count in summary["undecided"].items()))
    if summary["decided"]:
        out.append(summary["decided"].replace("decided:", "decided "))
    if summary["guessing"]:
        out.append(f"verdict  {summary['guessing']}")
    if summary["best"]:
        best = summary["best"]
        out.append(f"best     {named(summary['metric'])} {best['val_error']:.4f}: {best['trial']} ({best['trial_id']})")
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


def _kept(study: OpenStudy) -> bool:
    """Whether what the last run or report found is shown, and nothing is computed."""
    ledger = study.ledger
    return len(ledger.ended()) > AT_ONCE or bool(ledger.labelled and ledger.get_meta(LABELLED_BY) == __version__)


def _guessing(study: OpenStudy) -> str:
    """The verdict that the study is no better than guessing; empty where it is better, or nothing has ended yet."""
    if _kept(study):
        return str(study.ledger.get_meta(GUESSING, ""))
    try:
        return study.guessing.sentence if study.guessing else ""
    except KeyError:  # the data set's facts are not written down yet
        return ""


def _labels(study: OpenStudy) -> Collection[Label]:
    """Of a study of many trials, those that its last run or report left: all of them anew would take a map."""
    ledger, thresholds = study.ledger, study.config.regimes
    if study.labels_at_hand is not None:
        return study.labels.values()
    kept = ledger.latest_labels(thresholds.version, thresholds.tau)
    if _kept(study):
        return kept.values()
    try:
        return study.labels.values()
    except (KeyError, UserError):  # no trial has ended, or the data set's facts are not written down yet
        return ()
