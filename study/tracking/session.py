"""One connection between a ledger and an MLflow experiment: brings MLflow to what the ledger says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitscape.study.ledger import Event, EventKind, Ledger
from fitscape.study.records import Label, TrialRecord
from fitscape.study.tracking import parent, projection
from fitscape.study.tracking.client import Client
from fitscape.study.tracking.location import Location

BATCH = 1000  # events of the ledger that are dealt with at once


class Session:
    """Holds what MLflow is known to have. Any exception makes it stale: throw it away and make a new one.

    Whatever was cut off in its middle is found again by tag (``study_uid``, ``trial_id``), never by memory, and
    sent again; original times make MLflow drop what it has already.
    """

    def __init__(self, ledger: Ledger, location: Location) -> None:
        self._ledger = ledger
        self._sink = location.sink
        self.client = Client(location)
        self._uid, self._config, self._provenance = ledger.uid, ledger.config, ledger.provenance
        self._runs: dict[str, str] = {}  # trial id -> run id
        self._status: dict[str, str] = {}  # trial id -> status in MLflow
        self._tags: dict[str, dict[str, str]] = {}  # trial id -> tags in MLflow
        self._described: set[str] = set()  # trials whose params and data set were sent by this session
        self._whole: set[str] = set()  # trials of which every epoch is to be sent
        self.parent_id = self._find_parent()
        self.reconcile()

    # Reading MLflow

    def _find_parent(self) -> str:
        tags = {"study_uid": self._uid, "kind": "study"}
        found = self.client.runs(tags)
        for younger in found[1:]:
            self.client.delete(younger.info.run_id)
        if found:
            run_id: str = found[0].info.run_id
        else:
            start = projection.milliseconds(self._ledger.created_at)
            run_id = self.client.create(self._config.name, start, tags | {"study": self._config.name})
        where = {"experiment_id": self.client.experiment_id, "run_id": run_id}
        self._ledger.set_meta(parent.where_key(self._sink), where)
        return run_id

    def reconcile(self) -> None:
        """Compare MLflow's runs with the ledger's trials; delete doubles, mark what must be sent again.

        Doubles come from a ``create_run`` whose answer was lost, or that a hung server carried out later. A run
        that knows more than the ledger belongs to the time before the ledger was restored from a backup.
        """
        found: dict[str, list[Any]] = {}
        for run in self.client.runs({"study_uid": self._uid, "kind": "trial"}):
            found.setdefault(run.data.tags.get("trial_id", ""), []).append(run)
        trials = {trial.trial_id: trial for trial in self._ledger.trials(epochs=())}
        restored = len(self._ledger.notes("restored"))
        distrust_all = restored != self._ledger.get_meta(f"{self._sink} restored", 0)
        kept = dict(self._runs)
        self._runs, self._status, self._tags = {}, {}, {}
        for trial_id, runs in found.items():
            run = max(runs, key=lambda run: (run.info.run_id == kept.get(trial_id), len(run.data.metrics)))
            trial = trials.get(trial_id)
            doubtful = trial is not None and (distrust_all or not trial.state.terminal)
            wrong = trial is None or (doubtful and self._knows_more(run, trial_id))
            for other in runs:
                if other is not run or wrong:
                    self.client.delete(other.info.run_id)
            if not wrong:
                self._runs[trial_id] = run.info.run_id
                self._status[trial_id] = run.info.status
                self._tags[trial_id] = dict(run.data.tags)
        self._described = {trial_id for trial_id in self._described if self._runs.get(trial_id) == kept[trial_id]}
        self._whole |= set(self._ledger.get_meta(self._rejected_key, {}))
        self._whole |= {
            trial_id
            for trial_id, trial in trials.items()
            if projection.begun(trial) and self._status.get(trial_id) != projection.status(trial)
        }
        self._ledger.set_meta(f"{self._sink} restored", restored)

    def _knows_more(self, run: Any, trial_id: str) -> bool:
        records = self._ledger.trial(trial_id).epochs
        mine = {record.epoch: [projection.points(record)[0].time] for record in records}
        theirs = self.client.history(run.info.run_id, "val_error")
        return any(times != mine.get(step) for step, times in theirs.items())

    # Writing MLflow

    def ship(self) -> bool:
        """Send the next batch of changes. False: there was none."""
        events = self._ledger.events(self._ledger.cursor(self._sink), BATCH)
        if not events and not self._whole:
            return False
        self._ledger.harden()
        for event in events:
            if event.kind is EventKind.VOIDED and event.trial_id in self._runs:
                self._forget(event.trial_id)
        fresh = _epochs_by_trial(events)
        labels = parent.latest_labels(self._ledger)
        for trial_id in [*fresh, *(self._whole - fresh.keys())]:
            whole = trial_id in self._whole or trial_id not in self._runs
            trial = self._ledger.trial(trial_id, epochs=None if whole else fresh[trial_id])
            if projection.begun(trial):
                self._ship_or_set_aside(trial, labels.get(trial_id))
            self._whole.discard(trial_id)
        if any(event.kind is EventKind.STUDY for event in events):
            self._config, self._provenance = self._ledger.config, self._ledger.provenance
        if events:
            self._ledger.advance(self._sink, events[-1].seq)
        return True

    def _ship_or_set_aside(self, trial: TrialRecord, label: Label | None) -> None:
        """A trial that MLflow refuses as invalid must not hold up the others: it is remembered and told."""
        rejected = self._ledger.get_meta(self._rejected_key, {})
        try:
            self._ship_trial(trial, label)
            reason = None
        except self.client.Error as error:
            if getattr(error, "error_code", "") != "INVALID_PARAMETER_VALUE":
                raise
            reason = str(error)[:500]
        if reason != rejected.get(trial.trial_id):
            rejected = {k: v for k, v in rejected.items() if k != trial.trial_id}
            self._ledger.set_meta(self._rejected_key, rejected | ({trial.trial_id: reason} if reason else {}))

    def _ship_trial(self, trial: TrialRecord, label: Label | None) -> None:
        """``trial`` holds the epochs to send, not always all."""
        trial_id = trial.trial_id
        run_id = self._runs.get(trial_id) or self._create(trial)
        params: Mapping[str, str] = {}
        tags = projection.tags(trial, label, self._config.name)
        if trial_id not in self._described:
            params, overflow = projection.params(trial)
            tags |= overflow
        known = self._tags[trial_id]
        tags |= projection.infinite(trial.epochs, known.get("infinite", "{}"))
        news = {key: value for key, value in tags.items() if known.get(key) != value}
        points = [point for record in trial.epochs for point in projection.points(record)]
        self.client.log(run_id, points, params, news)
        known |= news
        if trial_id not in self._described:
            self._log_dataset(run_id)
            self._described.add(trial_id)
        status = projection.status(trial)
        if self._status[trial_id] != status:
            self.client.set_status(run_id, status, projection.milliseconds(trial.ended_at))
            self._status[trial_id] = status

    def _forget(self, trial_id: str) -> None:
        """Delete a run whose numbers the ledger no longer has; what there is now goes into a new one."""
        self.client.delete(self._runs.pop(trial_id))
        self._described.discard(trial_id)

    def _create(self, trial: TrialRecord) -> str:
        tags = {
            "study_uid": self._uid,
            "kind": "trial",
            "trial_id": trial.trial_id,
            "mlflow.parentRunId": self.parent_id,
        }
        start = projection.milliseconds(trial.started_at or trial.ended_at)
        run_id = self.client.create(projection.run_name(trial), start, tags)
        self._runs[trial.trial_id], self._status[trial.trial_id] = run_id, "RUNNING"
        self._tags[trial.trial_id] = dict(tags)
        return run_id

    def describe(self, *, leaving: bool) -> None:
        """The parent's text, tags and status; ``leaving`` gives it the status it stays with."""
        ledger = self._ledger
        tags = parent.tags(ledger, self.parent_id)
        self.client.log(self.parent_id, tags=tags if leaving else tags | {"state": "running"})
        self._log_dataset(self.parent_id)
        self.client.set_status(self.parent_id, parent.status(tags["state"]) if leaving else "RUNNING", None)

    def log_net(self, trial_id: str, folder: Path) -> None:
        """The trial's net, an MLflow model in ``folder``; of a trial that MLflow has no run of, nothing."""
        if trial_id in self._runs:
            architecture = self._ledger.trial(trial_id, epochs=()).config.model.name
            self.client.log_model(self._runs[trial_id], architecture.replace(":", "-"), folder)

    def _log_dataset(self, run_id: str) -> None:
        if digest := self._provenance.get("data_fingerprint"):
            data = self._config.data
            self.client.log_dataset(run_id, data.dataset, str(digest), data.model_dump_json())

    @property
    def _rejected_key(self) -> str:
        return rejected_key(self._sink)


def rejected_key(sink: str) -> str:
    """The ledger's key of trials that MLflow refused, with the reasons."""
    return f"{sink} rejected"


def _epochs_by_trial(events: list[Event]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for event in events:
        if event.trial_id is not None:
            epochs = found.setdefault(event.trial_id, set())
            if event.kind is EventKind.EPOCH and event.epoch is not None:
                epochs.add(event.epoch)
    return found
