"""One connection between a ledger and an MLflow experiment: brings MLflow to what the ledger says."""

import threading
from itertools import islice
from pathlib import Path
from typing import Any

from fitscape.study.errors import UserError
from fitscape.study.ledger import EventKind, Ledger
from fitscape.study.records import Label, TrialRecord
from fitscape.study.tracking import parent, projection, totals
from fitscape.study.tracking.client import Answered, Client
from fitscape.study.tracking.location import Location
from fitscape.study.tracking.nets import wanted_name
from fitscape.study.tracking.refusals import Refusals
from fitscape.study.tracking.together import SERVED, together
from fitscape.study.tracking.unsent import Unsent, by_trial

_LABELS = (EventKind.LABELLED, EventKind.STUDY)  # after which the labels in force may be others
BATCH = 200  # events of the ledger that are looked at together; the cursor moves with every trial sent


class OldCopy(UserError):
    """MLflow knows more of the study than this ledger, which no restore explains: it is an old copy of the ledger."""


class Session:
    """Holds what MLflow is known to have. Outages and refusals of the server leave that true, other errors do not:
    then throw the session away and make a new one.

    Whatever was cut off in its middle is found again by tag (``study_uid``, ``trial_id``), never by memory, and
    sent again; original times make MLflow drop what it has already.

    Raises:
        OldCopy: shipping would take from MLflow what only MLflow has.
    """

    def __init__(self, ledger: Ledger, location: Location, answered: Answered) -> None:
        self._ledger = ledger
        self._sink, self._refusals = location.sink, Refusals(ledger, location.sink)
        self._failed: Exception | None = None  # of the last few trials, to be raised
        self._one_by_one = threading.Lock()
        self.client = Client(location, answered)
        self._uid, self._config, self._provenance = ledger.uid, ledger.config, ledger.provenance
        self._runs: dict[str, str] = {}  # trial id -> run id
        self._status: dict[str, str] = {}  # trial id -> status in MLflow
        self._tags: dict[str, dict[str, str]] = {}  # trial id -> tags in MLflow
        self._params: dict[str, set[str]] = {}  # trial id -> names of the params in MLflow
        self._parent_params: set[str] = set()  # names; MLflow lets none change
        self._with_data: set[str] = set()  # trials whose data set is in MLflow
        self._unsure: set[str] = set()  # trials of which a run was asked for, and the answer lost
        self.doubtful = False  # whether a server may still make a run that was asked for twice
        self._whole: set[str] = set()  # trials of which every epoch is to be sent
        self._batch: dict[str, Unsent] = {}  # what is left of the events up to `_read`
        self._read = 0
        self._whole_until = 0  # the latest event when trials were last found that go whole
        self._sent_until: dict[str, int] = {}  # trials whose run was made since: the event up to which it holds them
        self._labels: dict[str, Label] | None = None  # as they were given last
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
            self._parent_params = set(found[0].data.params)
            theirs = int(found[0].data.tags.get(parent.GENERATION, 0))
            if theirs > self._ledger.last_event and not self._restored_since:
                self._refuse(f"it was sent {theirs} events, this ledger has {self._ledger.last_event}")
        else:
            start = projection.milliseconds(self._ledger.created_at)
            run_id = self.client.create(self._config.name, start, tags | {"study": self._config.name})
        where = {"experiment_id": self.client.experiment_id, "run_id": run_id}
        self._ledger.set_meta(parent.where_key(self._sink), where)
        return run_id

    @property
    def _restored_since(self) -> bool:
        """Whether a backup has taken the ledger's place since MLflow was last compared with it."""
        return len(self._ledger.notes("restored")) != self._ledger.get_meta(f"{self._sink} restored", 0)

    def _refuse(self, why: str) -> None:
        raise OldCopy(
            f"MLflow is ahead of this copy of the study: {why}",
            where=str(self._ledger.path.parent),
            fix="sync where the study ran last, or fetch it again below another --root",
        )

    def reconcile(self) -> None:
        """Compare MLflow's runs with the ledger's trials; delete doubles, mark what must be sent again.

        Doubles come from a ``create_run`` whose answer was lost, or that a hung server carried out later; of each
        trial one run stays. A run that knows more than a restored ledger is of the time before: it keeps all that it
        has, under the kind ``lost``, and the study goes on without it.
        """
        found: dict[str, list[Any]] = {}
        for run in self.client.runs({"study_uid": self._uid, "kind": "trial"}):
            found.setdefault(run.data.tags.get("trial_id", ""), []).append(run)
        trials = {trial.trial_id: trial for trial in self._ledger.trials(epochs=())}
        restored = len(self._ledger.notes("restored"))
        distrust_all = self._restored_since
        unknown = found.keys() - trials.keys()
        if unknown and not distrust_all:
            self._refuse(f"it holds runs of {len(unknown)} trials that the ledger does not know")
        kept: dict[str, Any] = {}
        for trial_id, runs in found.items():
            run = max(runs, key=lambda run: (run.info.run_id == self._runs.get(trial_id), len(run.data.metrics)))
            trial = trials.get(trial_id)
            doubtful = trial is not None and (distrust_all or not trial.state.terminal)
            for other in runs:
                if other is not run:
                    self.client.delete(other.info.run_id)
            if trial is None or (doubtful and self._knows_more(run, trial_id)):
                self.client.log(run.info.run_id, tags={"kind": "lost"})
            else:
                kept[trial_id] = run
        self._runs = {trial_id: run.info.run_id for trial_id, run in kept.items()}
        self._status = {trial_id: run.info.status for trial_id, run in kept.items()}
        self._tags = {trial_id: dict(run.data.tags) for trial_id, run in kept.items()}
        self._params = {trial_id: set(run.data.params) for trial_id, run in kept.items()}
        self._with_data = {trial_id for trial_id, run in kept.items() if run.inputs and run.inputs.dataset_inputs}
        self._unsure.clear()
        self._sent_until.clear()
        self._whole |= self._refusals.reasons.keys()
        self._whole |= {
            trial_id for trial_id, trial in trials.items() if projection.begun(trial) and self._lacks(trial)
        }
        self._ledger.set_meta(f"{self._sink} restored", restored)

    def _lacks(self, trial: TrialRecord) -> bool:
        """Whether MLflow shows the trial otherwise than it is, as far as its run's head tells."""
        trial_id = trial.trial_id
        sized = trial.size is None or "parameters" in self._params.get(trial_id, ())
        return self._status.get(trial_id) != projection.status(trial) or not sized

    def _knows_more(self, run: Any, trial_id: str) -> bool:
        records = self._ledger.trial(trial_id, details=False).epochs
        mine = {record.epoch: [projection.points(record)[0].time] for record in records}
        theirs = self.client.history(run.info.run_id, "val_error")
        return any(times != mine.get(step) for step, times in theirs.items())

    # Writing MLflow

    def ship(self) -> list[tuple[int, str]]:
        """Send what is new of a few trials, and move the cursor as far as everything before it is sent.

        What one of them raised is raised by the next call, so that the others count as sent before.

        Returns:
            Where the cursor stands, with each trial that was sent (``""``: the events named none); empty where there
            was nothing to send.
        """
        if failed := self._failed:
            self._failed = None
            raise failed
        if not self._batch and not self._load():
            return []
        some = list(islice(self._batch, SERVED if self.client.location.served else 1))
        raised = together(self._send, some) if some else []
        sent = [trial_id for trial_id, error in zip(some, raised, strict=True) if error is None]
        for trial_id in sent:
            self._whole.discard(trial_id)
            del self._batch[trial_id]
        following = next(iter(self._batch.values()), Unsent()).first  # in order: those of no event come last
        cursor = self._read if following is None else following - 1
        self._ledger.advance(self._sink, cursor)
        self._failed = next(filter(None, raised), None)
        if some and not sent:
            return self.ship()  # which raises it
        return [(cursor, trial_id) for trial_id in sent or ("",)]

    def _send(self, trial_id: str) -> None:
        """What is new of a trial; called for several trials at a time."""
        whole = trial_id in self._whole or trial_id not in self._runs
        epochs = None if whole else self._batch[trial_id].epochs
        trial = self._ledger.trial(trial_id, epochs=epochs, details=False)
        if not whole and projection.every(trial) > 1:  # the last one of all is shown, not that of these
            trial = self._ledger.trial(trial_id, details=False)
        if projection.begun(trial):
            made = trial_id not in self._runs
            self._ship_or_set_aside(trial, (self._labels or {}).get(trial_id))
            if made and trial_id in self._whole:
                self._sent_until[trial_id] = self._whole_until

    def _load(self) -> bool:
        """The next events, by trial; what they tell of is on the disk before MLflow hears of it."""
        cursor = self._ledger.cursor(self._sink)
        events = self._ledger.events(cursor, BATCH)
        if not events and not self._whole:
            return False
        if self._whole:  # before anything is read that they are made of
            self._whole_until = self._ledger.last_event
        self._ledger.harden()
        self._read = events[-1].seq if events else cursor
        if self._labels is None or self._whole or any(event.kind in _LABELS for event in events):
            self._labels = parent.latest_labels(self._ledger)
        if self._whole or any(event.kind is EventKind.STUDY for event in events):
            self._config, self._provenance = self._ledger.config, self._ledger.provenance
        events = [event for event in events if event.seq > self._sent_until.get(event.trial_id or "", 0)]
        for event in events:
            if event.kind is EventKind.VOIDED and event.trial_id in self._runs:
                self._forget(event.trial_id)
        self._batch = by_trial(events)
        for trial_id in self._whole:
            self._batch.setdefault(trial_id, Unsent())
        return True

    def _ship_or_set_aside(self, trial: TrialRecord, label: Label | None) -> None:
        """A trial that MLflow refuses as invalid must not hold up the others: it is remembered and reported."""
        reason = None
        try:
            self._ship_trial(trial, label)
        except self.client.Error as error:
            if getattr(error, "error_code", "") != "INVALID_PARAMETER_VALUE":
                raise
            reason = str(error)[:500]
        self._refusals.note(trial.trial_id, reason)

    def _ship_trial(self, trial: TrialRecord, label: Label | None) -> None:
        """``trial`` holds the epochs to send, not always all."""
        trial_id = trial.trial_id
        params, overflow = projection.params(trial)
        tags = projection.tags(trial, label, self._config.name) | overflow
        run_id = self._runs.get(trial_id) or self._find_or_create(trial, tags)
        params = {key: value for key, value in params.items() if key not in self._params[trial_id]}
        known = self._tags[trial_id]
        shown = projection.shown(trial)
        tags |= projection.infinite(shown, known.get("infinite", "{}"))
        news = {key: value for key, value in tags.items() if known.get(key) != value}
        points = [point for record in shown for point in projection.points(record)]
        self.client.log(run_id, points, params, news)
        known |= news
        self._params[trial_id] |= params.keys()
        if trial_id not in self._with_data:
            with self._one_by_one:  # MLflow refuses one of two first inputs of a data set that come together
                self._log_dataset(run_id)
            self._with_data.add(trial_id)
        status = projection.status(trial)
        if self._status[trial_id] != status:
            self.client.set_status(run_id, status, projection.milliseconds(trial.ended_at))
            self._status[trial_id] = status

    def _forget(self, trial_id: str) -> None:
        """Delete a run whose numbers the ledger no longer has; what there is now goes into a new one."""
        self.client.delete(self._runs[trial_id])
        del self._runs[trial_id]
        self._with_data.discard(trial_id)

    def _find_or_create(self, trial: TrialRecord, described: dict[str, str]) -> str:
        """A new run begins with the tags that describe the trial: later they would take a call's time again."""
        trial_id = trial.trial_id
        mine = {"study_uid": self._uid, "kind": "trial", "trial_id": trial_id}
        found = self.client.runs(mine) if trial_id in self._unsure else []
        tags = mine | {"mlflow.parentRunId": self.parent_id}
        self.doubtful = self.doubtful or trial_id in self._unsure
        if found:
            run_id: str = found[0].info.run_id
        else:
            self._unsure.add(trial_id)
            start = projection.milliseconds(trial.started_at or trial.ended_at)
            tags = self.client.fitting(described | tags)
            run_id = self.client.create(projection.run_name(trial), start, tags)
        self._unsure.discard(trial_id)
        self._runs[trial_id], self._status[trial_id] = run_id, "RUNNING"
        self._tags[trial_id], self._params[trial_id] = tags, set()
        return run_id

    def describe(self, *, leaving: bool) -> None:
        """The parent's text, tags and status; ``leaving`` gives it the status it stays with, and what it came to."""
        ledger = self._ledger
        tags = parent.tags(ledger, self.parent_id)
        points = totals.points(ledger, parent.latest_labels(ledger)) if leaving else ()  # every epoch is read for it
        params = {key: value for key, value in totals.params(ledger.config).items() if key not in self._parent_params}
        self.client.log(self.parent_id, points, params, tags if leaving else tags | {"state": "running"})
        self._parent_params |= params.keys()
        self._log_dataset(self.parent_id)
        self.client.set_status(self.parent_id, parent.status(tags["state"]) if leaving else "RUNNING", None)

    def log_net(self, trial_id: str, folder: Path) -> None:
        """The net in ``folder``, an MLflow model, with its trial, or with the study where no trial has run it.

        Registered where that was asked for.
        """
        run_id, name = self.parent_id, trial_id
        if trial_id in self._runs:
            run_id = self._runs[trial_id]
            name = self._ledger.trial(trial_id, epochs=()).config.model.name.replace(":", "-")
        model_id = self.client.log_model(run_id, name, folder)
        if wanted := wanted_name(folder):
            self.client.register(wanted, run_id, model_id)

    def _log_dataset(self, run_id: str) -> None:
        if digest := self._provenance.get("data_fingerprint"):
            data = self._config.data
            self.client.log_dataset(run_id, data.dataset, str(digest), data.model_dump_json())
