"""What MLflow shows of a study: text, tags, status and files of the parent run."""

import getpass
import json
from collections import Counter
from pathlib import Path
from urllib.parse import quote

from fitscape.study.files import CONFIG, FIGURES, LEDGER, PAGE, REPORT, StudyFolder
from fitscape.study.ledger import Ledger
from fitscape.study.records import Label, TrialState
from fitscape.study.tracking import entries
from fitscape.study.tracking.findings_markdown import as_markdown

GENERATION = "ledger.events"  # tag of the parent: how far the ledger was when it was last described here
LEDGER_FOLDER = "ledger"  # of the parent's artifacts
_PICTURE = f"{REPORT}/{FIGURES}/regime_map_small.png"  # MLflow's pages show a picture in its own size


def where_key(sink: str) -> str:
    """The ledger's key of the parent's experiment and run."""
    return f"{sink} parent"


def latest_labels(ledger: Ledger) -> dict[str, Label]:
    """Under the study's own thresholds."""
    thresholds = ledger.config.regimes
    return ledger.latest_labels(thresholds.version, thresholds.tau)


def state(ledger: Ledger) -> str:
    """``finished``, ``failed`` (no trial succeeded) or ``interrupted`` (trials are missing).

    A driver whose sampler has no more to ask for sets the ledger's ``exhausted``.
    """
    counts = ledger.counts()
    ended = sum(count for state, count in counts.items() if state.terminal)
    open_trials = counts[TrialState.PENDING] + counts[TrialState.RUNNING]
    enough = ended >= ledger.config.search.trials or ledger.get_meta("exhausted", False)
    if open_trials or not enough:
        return "interrupted"
    return "failed" if counts[TrialState.FAILED] == ended else "finished"


def status(state: str) -> str:
    return {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}[state]


def tags(ledger: Ledger, run_id: str) -> dict[str, str]:
    """Of the run ``run_id``; its text shows the map, once the report is built."""
    config, counts = ledger.config, ledger.counts()
    regimes = Counter(label.regime.value for label in latest_labels(ledger).values())
    values = {
        "study": config.name,
        "recipe": config.recipe or "",
        "mlflow.user": _user(),
        "mlflow.source.name": f"fitscape {config.recipe or config.name}",
        "mlflow.source.type": "PROJECT",
        "mlflow.source.git.commit": ledger.provenance.get("code", {}).get("commit", ""),
        "state": state(ledger),
        GENERATION: ledger.last_event,
        "data_fingerprint": ledger.provenance.get("data_fingerprint", ""),
        **{f"trials.{state.value}": count for state, count in counts.items()},
        **{f"regimes.{regime}": count for regime, count in sorted(regimes.items())},
        "mlflow.note.content": description(ledger, run_id),
    }
    return entries.tags(values)


def _user() -> str:
    """The account that ships; empty where it has no name, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def description(ledger: Ledger, run_id: str) -> str:
    """Markdown for the run's page; always below a tag's limit."""
    config, counts = ledger.config, ledger.counts()
    regimes = Counter(label.regime.value for label in latest_labels(ledger).values())
    if isinstance(config.space, str):
        space = f"Search space: `{config.space}`"
    else:
        rows = [
            f"| {hyperparameter} | {_range(json.loads(d.model_dump_json()))} |"
            for hyperparameter, d in config.space.items()
        ]
        space = "\n".join(["| hyperparameter | values |", "|---|---|", *rows])
    lines = [
        f"# {config.name}",
        config.description,
        _picture(ledger.path.parent, run_id),
        f"Data: `{config.data.dataset}`, fingerprint `{ledger.provenance.get('data_fingerprint', 'unknown')}`",
        "Trials: " + (", ".join(f"{n} {state.value}" for state, n in counts.items() if n) or "none yet"),
        "Regimes: " + (", ".join(f"{n} {regime}" for regime, n in regimes.most_common()) or "none yet"),
        f"Thresholds: version {config.regimes.version}, tau {config.regimes.tau:g}",
        as_markdown(ledger.path.parent),
        space,
        f"Artifacts: `{REPORT}/{PAGE}` is the map; `{CONFIG}` repeats the study; "
        f"`{LEDGER_FOLDER}/{LEDGER}` holds every number, gradient norms by layer among them.",
    ]
    text = "\n\n".join(line for line in lines if line)
    more = f"\n\n(shortened: `{CONFIG}` has it whole)"
    return text if len(text) <= entries.TAG_LIMIT else text[: entries.TAG_LIMIT - len(more)] + more


def _picture(study: Path, run_id: str) -> str:
    """The map, by an address that holds on whichever server shows the page."""
    if not (study / _PICTURE).is_file():
        return ""
    return f"![Regime map](get-artifact?path={quote(_PICTURE, safe='')}&run_uuid={run_id})"


def _range(hyperparameter: dict[str, object]) -> str:
    if "choices" in hyperparameter:
        choices = hyperparameter["choices"]
        assert isinstance(choices, list)
        return ", ".join(map(str, choices))
    return f"{hyperparameter['low']} to {hyperparameter['high']}" + (" (log)" if hyperparameter["log"] else "")


def files(study: Path) -> list[tuple[Path, str]]:
    """What is in the study's folder for MLflow: files, and the artifact folder of each."""
    place = StudyFolder(study)
    found = [place.config, *sorted(place.report.rglob("*"))]
    return [(file, file.parent.relative_to(study).as_posix().strip(".")) for file in found if file.is_file()]
